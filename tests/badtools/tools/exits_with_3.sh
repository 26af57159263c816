echo "the reason" >&2
exit 3
