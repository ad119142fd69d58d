#!/usr/bin/env bash
# lbp's whole story against a server: see README.md.
set -euo pipefail
export CLOUD_SERVICE_URL=$1
token=$2
ground=$(mktemp -d)
trap 'rm -rf "$ground"' EXIT
python3 -m venv "$ground/venv"
"$ground/venv/bin/pip" install --quiet --disable-pip-version-check "${LBP:-langbot-plugin==0.7.18}"
export HOME=$ground/home PATH=$ground/venv/bin:$PATH
author=ada-$(date +%s)
mkdir -p "$HOME" "$ground/plugin/assets" "$ground/plugin/components/commands" && cd "$ground/plugin"
lbp login --token "$token"
write() {
  cat >manifest.yaml <<YAML
apiVersion: v1
kind: Plugin
metadata:
  author: $author
  name: Greeter
  version: $1
  label: {en_US: Greeter}
  description: {en_US: Made by a test}
  repository: https://github.com/ada/greeter
  icon: assets/icon.svg
spec:
  config: []
  components: {Command: {fromDirs: [{path: components/commands/}]}}
execution: {python: {path: main.py, attr: Greeter}}
YAML
}
echo "<svg xmlns='http://www.w3.org/2000/svg'/>" >assets/icon.svg
echo "class Greeter: ..." >main.py
echo "# Greeter" >README.md
for version in 0.1.0 0.2.0; do
  write "$version"
  lbp build -o "$ground/built"
  lbp publish | tee "$ground/told"
  grep -qi success "$ground/told"
done
echo "# Changed" >README.md
lbp publish | tee "$ground/told"
! grep -qi success "$ground/told"
echo "ok: published, and a version never changes"
python - "$author" "$ground/built" <<'PYTHON'
# The runtime's own reader of the marketplace.
import asyncio, os, pathlib, sys

import httpx
from langbot_plugin.runtime.helper import marketplace
from langbot_plugin.runtime.settings import settings

settings.cloud_service_url = os.environ["CLOUD_SERVICE_URL"]
author, built = sys.argv[1], pathlib.Path(sys.argv[2])


async def story():
    info = await marketplace.get_plugin_info(author, "Greeter")
    assert (info.plugin_id, info.latest_version, info.install_count) == (f"{author}/Greeter", "0.2.0", 0), info
    for version in ("0.1.0", "0.2.0"):
        package = await marketplace.download_plugin(author, "Greeter", version)
        assert package[:2] == b"PK" and len(package) > 200, version
        async for progress in marketplace.download_plugin_streaming(author, "Greeter", version):
            last = progress
        assert last["done"] and last["data"] == package and last["total"] == len(package), version
    info = await marketplace.get_plugin_info(author, "Greeter")
    assert info.install_count == 4, info
    assert any(plugin.plugin_id == info.plugin_id for plugin in await marketplace.list_plugins())
    market = f"{settings.cloud_service_url}/api/v1/marketplace"
    for kind in ("mcps", "skills"):
        assert httpx.get(f"{market}/{kind}/{author}/Greeter").status_code == 404
    versions = httpx.get(f"{market}/plugins/{author}/Greeter/versions").json()["data"]["versions"]
    assert [version["version"] for version in versions] == ["0.2.0", "0.1.0"], versions


asyncio.run(story())
PYTHON
echo "ok: found, counted and downloaded by the runtime"
echo done
