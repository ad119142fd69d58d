from nexus_plugin import Plugin


class MutePlugin(Plugin):
    def deliver(self, params):
        return None


if __name__ == "__main__":
    MutePlugin().main()
