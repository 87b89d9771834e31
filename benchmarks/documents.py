"""Documents as archives have them, by the million, the same for the same seed.

Names, descriptions and tags are Russian and English words whose frequencies fall with their rank as those of
natural language do (Zipf's law with Mandelbrot's offset: 1/(rank + 2.7)). Behind the few hundred common words,
in most of their forms, come 50,000 invented names, as customers and places have them, so that there are rare
words too. Each document has ten custom attributes.
"""

import itertools
import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from artstore.attributes import RetentionPolicy, new_file_id
from artstore.wire.documents import Document

_ENGLISH = [
    "report",
    "contract",
    "invoice",
    "order",
    "letter",
    "minutes",
    "agreement",
    "annual",
    "budget",
    "payment",
    "delivery",
    "account",
    "client",
    "customer",
    "supplier",
    "service",
    "project",
    "plan",
    "review",
    "meeting",
    "committee",
    "decision",
    "request",
    "offer",
    "price",
    "list",
    "quality",
    "control",
    "audit",
    "tax",
    "return",
    "balance",
    "sheet",
    "statement",
    "bank",
    "transfer",
    "receipt",
    "insurance",
    "policy",
    "claim",
    "employee",
    "salary",
    "leave",
    "holiday",
    "training",
    "certificate",
    "licence",
    "permit",
    "building",
    "office",
    "equipment",
    "repair",
    "maintenance",
    "warranty",
    "manual",
    "specification",
    "drawing",
    "design",
    "test",
    "result",
    "analysis",
    "summary",
    "appendix",
    "draft",
    "final",
    "signed",
    "scanned",
    "original",
    "copy",
    "translation",
    "monthly",
    "quarterly",
    "weekly",
    "technical",
    "financial",
    "legal",
    "personal",
    "internal",
    "external",
    "confidential",
    "public",
    "general",
    "special",
    "new",
    "old",
    "first",
    "second",
    "third",
    "research",
    "development",
    "product",
    "sales",
    "marketing",
    "export",
    "import",
    "customs",
    "transport",
    "storage",
    "warehouse",
    "inventory",
    "purchase",
    "rental",
    "lease",
    "property",
    "energy",
    "water",
    "safety",
    "environment",
    "health",
    "medical",
    "patient",
    "school",
    "university",
    "student",
    "library",
    "archive",
    "document",
    "record",
    "file",
    "note",
    "memo",
    "protocol",
    "act",
    "law",
    "rule",
    "standard",
    "form",
    "application",
    "complaint",
    "answer",
    "question",
]
_RUSSIAN_STEMS = {
    "": """договор отчёт счёт акт заказ протокол приказ проект план документ архив запрос ответ паспорт
    сертификат чертёж перевод экспорт импорт склад товар налог баланс банк кредит клиент поставщик отдел
    завод цех станок ремонт контроль анализ расчёт бюджет фонд закон устав журнал реестр список номер""",
    "а": """справк накладн заявк смет схем таблиц карт программ работ услуг оплат поставк покупк продаж
    аренд страховк прибыл сумм цен дат подпис печат школ библиотек больниц лаборатори""",
    "ие": """соглашени приложени решени заключени уведомлени требовани описани предложени заявлени обучени
    оборудовани испытани исследовани совещани собрани распоряжени""",
}
_RUSSIAN_ENDINGS = {
    "": ("", "а", "у", "ом", "е", "ы", "ов", "ам"),
    "а": ("а", "ы", "е", "у", "ой", "ам"),
    "ие": ("е", "я", "ю", "ем", "й", "ям"),
}
_SYLLABLES = {
    "latin": [
        "al",
        "be",
        "cor",
        "da",
        "el",
        "fi",
        "go",
        "hu",
        "is",
        "ka",
        "lo",
        "mi",
        "no",
        "or",
        "pa",
        "ri",
        "so",
        "ta",
        "ul",
        "va",
        "we",
        "zo",
    ],
    "cyrillic": [
        "ал",
        "бе",
        "ви",
        "го",
        "ду",
        "ер",
        "жи",
        "за",
        "ка",
        "ло",
        "ми",
        "но",
        "ор",
        "па",
        "ро",
        "са",
        "ту",
        "фе",
        "хо",
        "ши",
    ],
}
_TYPES = {
    "pdf": "application/pdf",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "png": "image/png",
    "txt": "text/plain",
    "xml": "application/xml",
}
_TYPE_WEIGHTS = (60, 14, 10, 8, 5, 3)
_BEGIN = datetime(2006, 1, 1, tzinfo=UTC)
_YEARS = 20
ACCOUNTS = 50


class Words:
    """Words by rank. ``common`` are those of the language, ``names`` the invented ones."""

    def __init__(self, seed: int) -> None:
        chance = random.Random(seed)
        russian = [
            stem + ending
            for kind, stems in _RUSSIAN_STEMS.items()
            for stem in stems.split()
            for ending in _RUSSIAN_ENDINGS[kind]
        ]
        self.common = [*_ENGLISH, *russian]
        chance.shuffle(self.common)
        self.names = [self._name(chance, script) for script in _SYLLABLES for _ in range(25_000)]
        chance.shuffle(self.names)
        self.ranked = self.common + self.names
        self.weights = list(itertools.accumulate(1 / (rank + 2.7) for rank in range(len(self.ranked))))

    def some(self, chance: random.Random, count: int) -> list[str]:
        return chance.choices(self.ranked, cum_weights=self.weights, k=count)

    def _name(self, chance: random.Random, script: str) -> str:
        return "".join(chance.choices(_SYLLABLES[script], k=chance.randint(3, 5)))


def documents(count: int, *, seed: int = 2026, owners: Sequence[str] = ()) -> Iterator[Document]:
    """``count`` documents, oldest first. ``owners`` are the ids of accounts among ``ACCOUNTS`` of them."""
    chance = random.Random(seed)
    words = Words(seed)
    accounts = [*owners, *(f"account-{number:02}" for number in range(len(owners), ACCOUNTS))]
    customers = [name.capitalize() for name in words.names[:5000]]
    step = timedelta(days=365 * _YEARS) / count
    for number in range(count):
        created_at = _BEGIN + number * step + chance.random() * step
        yield _document(chance, words, accounts, customers, created_at, number)


def _document(
    chance: random.Random,
    words: Words,
    accounts: Sequence[str],
    customers: Sequence[str],
    created_at: datetime,
    number: int,
) -> Document:
    extension = chance.choices(list(_TYPES), weights=_TYPE_WEIGHTS)[0]
    owner = accounts[int(len(accounts) * chance.random() ** 2)]
    customer = customers[int(len(customers) * chance.random() ** 3)]
    name = "_".join([*words.some(chance, chance.randint(1, 3)), f"{created_at:%Y-%m-%d}"])
    permanent = chance.random() < 0.9
    return Document(
        file_id=_id(created_at, chance),
        original_filename=f"{name}.{extension}",
        file_size=int(chance.lognormvariate(11.5, 1.6)) + 1,
        content_type=_TYPES[extension],
        checksum=f"{chance.getrandbits(256):064x}",
        created_at=created_at,
        updated_at=created_at,
        created_by_id=owner,
        created_by_username=owner,
        description=" ".join(words.some(chance, chance.randint(4, 20))),
        tags=sorted(set(words.some(chance, chance.randint(0, 3)))) or None,
        retention_policy=RetentionPolicy.PERMANENT if permanent else RetentionPolicy.TEMPORARY,
        custom_attributes={
            "customer": customer,
            "contract": f"Д-{created_at.year}/{number}",
            "amount": round(chance.lognormvariate(9, 2), 2),
            "currency": chance.choice(("RUB", "RUB", "RUB", "EUR", "USD", "CNY")),
            "department": chance.randint(1, 40),
            "year": created_at.year,
            "pages": min(999, int(chance.expovariate(0.1)) + 1),
            "signed": chance.random() < 0.7,
            "due": f"{created_at + timedelta(days=chance.randint(1, 400)):%Y-%m-%d}",
            "project": {"code": f"P{chance.randint(1, 3000)}", "phase": chance.randint(1, 5)},
        },
    )


def _id(created_at: datetime, chance: random.Random) -> UUID:
    """A UUIDv7 of that time whose random bits come from the seed."""
    timed = new_file_id(created_at).int >> 80 << 80
    return UUID(int=timed | 0x7 << 76 | chance.getrandbits(12) << 64 | 0b10 << 62 | chance.getrandbits(62))
