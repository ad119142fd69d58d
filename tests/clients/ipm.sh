#!/usr/bin/env bash
# ipm's whole story against a server: see README.md.
set -euo pipefail
base=$1 id=$2 secret=$3
here=$(cd "$(dirname "$0")" && pwd)
ground=$(mktemp -d)
trap 'rm -rf "$ground"' EXIT
cd "$ground"
echo '{"private": true, "type": "module"}' >package.json
npm install --silent --no-audit --no-fund "${IPM:-@inkdropapp/ipm}"
cp "$here/ipm.mjs" story.mjs
export INKDROP_API_URL=$base INKDROP_ACCESS_KEY_ID=$id INKDROP_SECRET_ACCESS_KEY=$secret
export INKDROP_HOME=$ground/home INKDROP_VERSION=6.0.0
node story.mjs "$ground/package" "notes-of-$(date +%s)"
