setsid sh -c 'trap "" TERM; exec sleep 1000' < /dev/null > /dev/null 2>&1 &
# Its parent is there until it leads a session of its own.
until [ "$(cut -d ' ' -f 6 "/proc/$!/stat")" = "$!" ]; do :; done
echo done
