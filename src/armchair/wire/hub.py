"""What an agent and the hub say to each other, where the gateway can't reach nodes: the agent connects out.

Over TLS, the agent with the certificate of its run and the hub with that of the agents listener:

    agent → hub   GREETING
    hub → agent   "open <32 hex digits>"   the gateway wants a connection
                  ""                       an empty line now and then: the hub is alive

For each "open" the agent makes one more plain TCP connection to the same port, sends that line, and treats what follows as a
connection that the gateway made to it: the gateway's own TLS, end to end. The token is good once and for seconds; who steals
it gains nothing, because only the run's certificate satisfies the gateway.
"""

GREETING = b"armchair-hub 1\n"
OPEN = b"open "
TOKEN_DIGITS = 32
OPEN_LENGTH = len(OPEN) + TOKEN_DIGITS + 1
ALIVE_EVERY = 15.0
# how long either side waits for the other's word before it takes the connection for dead
SILENCE = 45.0
