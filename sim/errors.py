"""The one exception for mistakes that the reader of the message can mend."""


class InputError(ValueError):
    """Bad input, in one sentence or more, each naming the place, what was found and what is allowed.

    The command line prints ``problems`` one a line and exits with code 2; nothing is written.
    """

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems: tuple[str, ...] = problems
