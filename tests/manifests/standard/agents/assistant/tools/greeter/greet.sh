echo "$GREETING, $(echo "$1" | tr -dc 0-9)!"
