from langbot_plugin.api.definition.plugin import BasePlugin


class LocalAgent(BasePlugin):
    async def initialize(self) -> None:
        pass
