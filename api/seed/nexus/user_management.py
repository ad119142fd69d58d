from nexus_plugin import Plugin, Refused


class UserManagement(Plugin):
    subscribes = ("user.login",)

    def __init__(self):
        super().__init__()
        self.users = {}

    def create(self, data):
        user = str((data or {}).get("user_id", ""))
        if not user:
            raise Refused(-32602, "user_id is missing")
        self.users[user] = {"user_id": user, "groups": list((data or {}).get("groups", []))}
        return self.users[user]

    def find(self, data):
        return {"user": self.users.get((data or {}).get("user_id"))}

    handlers = {"create_user": create, "find_user": find}


if __name__ == "__main__":
    UserManagement().main()
