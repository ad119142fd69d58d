from nexus_plugin import Plugin


class SocialAuthPlugin(Plugin):
    def providers(self, _data):
        return {"providers": ["google", "github", "facebook"]}

    handlers = {"providers": providers}


if __name__ == "__main__":
    SocialAuthPlugin().main()
