import hashlib
import hmac
import secrets
import time

from nexus_plugin import Plugin, Refused


class AuthPlugin(Plugin):
    subscribes = ("system.startup", "system.shutdown")

    def __init__(self):
        super().__init__()
        self.sessions = {}

    def configured(self):
        self.key = str(self.config.get("jwt_secret") or secrets.token_hex(32)).encode()
        self.timeout = self.config.get("session_timeout", 3600)

    def login(self, data):
        user = str((data or {}).get("user_id", ""))
        if not user:
            raise Refused(-32602, "user_id is missing")
        ends = int(time.time()) + self.timeout
        token = hmac.new(self.key, f"{user}:{ends}".encode(), hashlib.sha256).hexdigest()
        self.sessions[token] = (user, ends)
        return {"token": token, "expires_in": self.timeout}

    def verify(self, data):
        user, ends = self.sessions.get((data or {}).get("token"), (None, 0))
        return {"valid": ends > time.time(), "user_id": user}

    def logout(self, data):
        return {"ended": self.sessions.pop((data or {}).get("token"), None) is not None}

    handlers = {"login": login, "logout": logout, "verify": verify}


if __name__ == "__main__":
    AuthPlugin().main()
