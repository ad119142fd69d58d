from nexus_plugin import Plugin


class ApiGateway(Plugin):
    def routes(self, _data):
        return {"routes": ["/api/v1/auth/login", "/api/v1/auth/logout", "/api/v1/auth/refresh"]}

    handlers = {"routes": routes}


if __name__ == "__main__":
    ApiGateway().main()
