exec >&- 2>&-
sleep 1000
