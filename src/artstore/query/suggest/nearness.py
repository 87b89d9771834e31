"""How near two words are: pure."""


def allowed_distance(word: str) -> int:
    """How many slips a word may have: of short words too many others are near."""
    return 1 if len(word) <= 5 else 2


def distance(one: str, other: str, most: int) -> int:
    """How many slips lie between two words: a letter left out, added, replaced, or two neighbours exchanged.

    ``most + 1`` stands for everything beyond ``most``.
    """
    if abs(len(one) - len(other)) > most:
        return most + 1
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, start=1):
        before_last, before, row = before, row, [i]
        for j, its in enumerate(other, start=1):
            best = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != its))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == its:
                best = min(best, before_last[j - 2] + 1)
            row.append(best)
        if min(row) > most:
            return most + 1
    return min(row[-1], most + 1)
