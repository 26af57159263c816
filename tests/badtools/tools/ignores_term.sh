trap '' TERM
while :; do sleep 1000; done
