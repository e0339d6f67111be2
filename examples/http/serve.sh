#!/bin/sh
# Serve site/ with nginx: sh serve.sh [PORT [HTTP2-PORT]]. Ctrl-C ends it.
state=$(mktemp -d)
sed "s/:8000/:${1:-8000}/; s/:8001/:${2:-8001}/" nginx.conf > "$state/nginx.conf"
ln -s "$PWD/site" "$state/site"
PATH=$PATH:/usr/sbin nginx -p "$state" -c "$state/nginx.conf" &
trap 'kill $!; wait $!; rm -r "$state"; exit' INT TERM
wait $!
