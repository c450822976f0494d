"""The program `container`: runs another program in an image, by whichever container runtime the node has."""
