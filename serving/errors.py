"""What is wrong with a request, with the status that says so."""


class RequestError(Exception):
    """A request that is not answered; the message is one line for its sender."""

    def __init__(self, message: str, *, status: int = 400) -> None:
        super().__init__(" ".join(message.split()))
        self.status = status
