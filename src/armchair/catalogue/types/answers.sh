# What run scripts make of people's answers: `. "$ARMCHAIR_DIR/answers.sh"`. A function that fails has said why.

# The path with ~ written out.
expand() {
    case $1 in
    '~') printf '%s\n' "$HOME" ;;
    '~/'*) printf '%s\n' "$HOME/${1#??}" ;;
    *) printf '%s\n' "$1" ;;
    esac
}

# The path of a file, which has to be there; nothing for no answer.
existing_file() {
    set -- "$(expand "$1")"
    if [ -n "$1" ] && [ ! -e "$1" ]; then
        echo "There is no file $1." >&2
        return 1
    fi
    printf '%s\n' "$1"
}

# Goes into a folder; into the home directory for no answer.
enter() {
    set -- "$(expand "${1:-$HOME}")"
    case $1 in /*) ;; *) set -- "$HOME/$1" ;; esac
    if ! cd -- "$1"; then
        echo "There is no folder $1, or it may not be entered." >&2
        return 1
    fi
}

# The option (-Xmx) with the memory that Java may have; nothing where the size leaves it open. Java takes the node for its own:
# a tenth and 600 MB stay for its own needs and for what brings the windows over.
java_heap() {
    [ -n "${ARMCHAIR_MEMORY_MB:-}" ] || return 0
    set -- "$1" $((ARMCHAIR_MEMORY_MB * 9 / 10 - 600))
    [ "$2" -ge 512 ] || set -- "$1" 512
    echo "$1${2}m"
}
