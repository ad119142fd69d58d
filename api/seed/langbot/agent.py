from typing import AsyncGenerator

from langbot_plugin.api.definition.components.command.command import Command
from langbot_plugin.api.entities.builtin.command.context import CommandReturn, ExecuteContext


class Agent(Command):
    async def initialize(self) -> None:
        @self.subcommand(name="", help="Greets", usage="agent")
        async def greet(_plugin, _context: ExecuteContext) -> AsyncGenerator[CommandReturn, None]:
            greeting = self.plugin.get_config().get("greeting", "Hello")
            yield CommandReturn(text=f"{greeting} from the local agent")
