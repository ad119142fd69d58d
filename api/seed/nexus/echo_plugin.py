from nexus_plugin import Plugin


class EchoPlugin(Plugin):
    def echo(self, data):
        return data

    handlers = {"echo": echo}


if __name__ == "__main__":
    EchoPlugin().main()
