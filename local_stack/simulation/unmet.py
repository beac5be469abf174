"""What a scenario says when an end state does not hold."""


class Unmet(Exception):
    """The sentence that does not hold."""


def expect(holds: object, sentence: str) -> None:
    if not holds:
        raise Unmet(sentence)
