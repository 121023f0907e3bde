# shellcheck shell=sh
# bastion_run [REQUEST]: runs the command (in broker mode REQUEST), prints its output as it comes, and ends with its exit code,
# whatever happens to the connections meanwhile: the run goes on, and is asked for anew. Any POSIX shell, with curl and awk.
#   BASTION_URL    where bastion is, https://deploy.example.org
#   BASTION_TOKEN  a token of the role
bastion_run() (
    work=$(mktemp -d) || exit 71
    trap 'rm -rf "$work"' EXIT
    printf 'Authorization: Bearer %s\n' "$BASTION_TOKEN" >"$work/auth"
    ask() { curl -sS --connect-timeout 20 --max-time 600 -H "@$work/auth" -D "$work/head" "$@"; }
    field() { tr -d '\r' <"$work/head" | awk -v name="$1" '{ n = index($0, ": ") } n && tolower(substr($0, 1, n - 1)) == name { v = substr($0, n + 2) } END { print v }'; }
    # Prints the output as it comes, less what has been printed, until it ends or breaks off.
    show() {
        ask --fail --no-buffer "$run" | tee "$work/output" | tail -c "+$((seen + 1))"
        got=$(wc -c <"$work/output")
        if [ "$got" -gt "$seen" ]; then seen=$((got)); else sleep 1; fi
    }
    # Prints the rest, once the run has ended. False where the answer is not bastion's, or breaks off.
    finish() { ask -o "$work/output" "$run" && [ "$(field x-bastion-state)" ] && tail -c "+$((seen + 1))" "$work/output"; }
    [ $# -eq 0 ] || set -- -H "X-Bastion-Command: $1"
    if ! status=$(ask -X POST -H 'Prefer: respond-async' -o "$work/said" -w '%{http_code}' "$@" "$BASTION_URL/cgi-bin/run"); then
        echo 'bastion_run: no answer: whether the command was started is not known' >&2
        exit 1
    fi
    run=$(field location)
    if [ -z "$run" ]; then # it was left out, or refused, or can't be asked for
        cat "$work/said"
        [ "$status" = 200 ] && exit "$(field x-bastion-exit-code | grep . || echo 0)"
        exit 1
    fi
    run=$BASTION_URL$run seen=0 tries=0
    while [ "$tries" -lt 60 ]; do
        tries=$((tries + 1))
        : >"$work/head"
        ask -o "$work/said" --head "$run" || :
        case $(field x-bastion-state) in
        waiting | running) tries=0; show || : ;;
        ended) if finish; then exit "$(field x-bastion-exit-code)"; fi ;;
        lost | refused) if finish; then exit 1; fi ;;
        *) sleep 5 ;; # of a proxy, say
        esac
    done
    echo "bastion_run: no answer any more: $run" >&2
    exit 1
)
