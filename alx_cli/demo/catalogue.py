# ruff: noqa: RUF001 - names are spelt with the letters of their own alphabets
"""What the made-up companies and courses are called, and which oddity each course has on purpose.

Text and traits only: `alx_cli.demo.companies` and `alx_cli.demo.courses` make Moodle's rows of them.
"""

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class CompanyProfile:
    """A company: its share of the learners, how many courses it has, and which languages its people's names are of."""

    name: str
    shortname: str
    city: str
    country: str
    lang: str
    utc_offset_h: int
    share_pct: float
    courses: int
    languages: str
    departments: tuple[str, ...] = ()


COMPANIES: tuple[CompanyProfile, ...] = (
    CompanyProfile(
        "Nordhafen Logistik AG", "nordhafen", "Hamburg", "DE", "de", 1, 30, 25, "de de de de tr pl ar ru en fr",
        ("Lager Süd", "Fuhrpark & Disposition", "Verwaltung", "Hafenbetrieb", "IT"),
    ),
    CompanyProfile(
        "Sullivan & O'Neil \"Fine Foods\" Ltd", "finefoods", "London", "GB", "en", 0, 18, 22, "en en en pl es",
        ("Bakery", "Cold Store", "Retail, North", "Retail, South", "Head Office"),
    ),
    CompanyProfile(
        "東京みらい製作所 🏭", "mirai", "Tokyo", "JP", "ja", 9, 13, 18, "ja ja ja ja zh",
        ("製造部", "品質保証部", "営業部", "総務部"),
    ),
    CompanyProfile(
        "Great Lakes Health Network", "greatlakes", "Chicago", "US", "en_us", -6, 10, 20, "en en en es vi",
        ("Nursing", "Emergency", "Pharmacy", "Facilities"),
    ),
    CompanyProfile(
        "<script>alert(1)</script> GmbH", "script", "Wien", "AT", "de", 1, 8, 16, "de de tr",
        ("Entwicklung", "<b>Vertrieb</b>", "Support"),
    ),
    CompanyProfile(
        "Hôpital Saint-Éloi", "sainteloi", "Lyon", "FR", "fr", 1, 6, 14, "fr fr fr ar",
        ("Urgences", "Bloc opératoire", "Administration"),
    ),
    CompanyProfile(
        "Żubr Transport Sp. z o.o.", "zubr", "Białystok", "PL", "pl", 1, 4.5, 12, "pl pl ru",
        ("Kierowcy", "Spedycja", "Warsztat"),
    ),
    CompanyProfile(
        "مجموعة النخيل للتجارة", "nakheel", "Dubai", "AE", "ar", 4, 3.5, 12, "ar ar ar en",
        ("المبيعات", "المستودع"),
    ),
    CompanyProfile(
        "Ferretería Núñez, S.A.", "nunez", "Sevilla", "ES", "es", 1, 2.5, 10, "es",
        ("Tienda", "Almacén"),
    ),
    CompanyProfile(
        "Công ty TNHH Sông Hồng", "songhong", "Hà Nội", "VN", "vi", 7, 2, 10, "vi",
        ("Nhà máy", "Văn phòng"),
    ),
    CompanyProfile(
        "Fjord &amp; Fell Renewables AS", "fjordfell", "Bergen", "NO", "no", 1, 1.5, 9, "no no en",
        ("Offshore", "Onshore"),
    ),
    CompanyProfile(
        "תבור טכנולוגיות", "tavor", "Haifa", "IL", "he", 2, 1, 8, "he he ru",
        ("פיתוח", "שיווק"),
    ),
    CompanyProfile("Neugründung 2027 (noch leer)", "nousers", "Leipzig", "DE", "de", 1, 0, 8, "de"),
    CompanyProfile("Quiet Harbour Consulting", "nocourses", "Galway", "IE", "en", 0, 0.5, 0, "en"),
)  # fmt: skip
"""The largest first; behind the twelve stand one without learners and one without courses. Shares: per cent of all
learners, the first company takes what rounding leaves over. `courses`: own and shared ones together."""

ORDINARY_COMPANIES = 12


class Trait(StrEnum):
    """An oddity that a course has on purpose."""

    OPEN_SHARED = "iomad_courses.shared = 1: every company has it"
    SHARED_WITH_SOME = "iomad_courses.shared = 2: the companies of company_shared_courses have it"
    LICENSED = "enrolment by licence, which runs out"
    HIDDEN = "course.visible = 0"
    COMPLETION_OFF = "course.enablecompletion = 0, with progress from before"
    NOTHING_TRACKED = "no module has completion"
    RESET = "enrolments, and no completions"
    NO_COMPANY = "belongs to no company"
    NO_IOMAD_ROW = "shared by company_shared_courses, but IOMAD does not know it"
    MANUAL_DISABLED = "the manual enrolment instance is disabled"
    MODULE_BEING_DELETED = "a module has deletioninprogress = 1 and completions"
    HIDDEN_MODULE = "a tracked module is hidden and has completions"
    UNTRACKED_PROGRESS = "a module without completion has completions from before"
    LISTED_TWICE = "company_course names it twice"


@dataclass(frozen=True, slots=True)
class CourseProfile:
    """A course's full name and traits. `weight` says how many take it, compared with the other courses."""

    name: str
    traits: frozenset[Trait] = frozenset()
    weight: float = 1.0


def _course(name: str, *traits: Trait, weight: float = 1.0) -> CourseProfile:
    return CourseProfile(name, frozenset(traits), weight)


_LONG_NAME = ("Unterweisung nach § 12 ArbSchG für alle Beschäftigten № " * 5)[:254]

COURSES: tuple[CourseProfile, ...] = (
    _course("Information Security Awareness", Trait.OPEN_SHARED, weight=3),
    _course("Code of Conduct", Trait.OPEN_SHARED, weight=3),
    _course("GDPR: Data Protection Essentials", Trait.OPEN_SHARED, Trait.HIDDEN_MODULE, weight=2.5),
    _course("Phishing: Spot It, Report It", Trait.OPEN_SHARED),
    _course("Anti-Bribery and Corruption", Trait.SHARED_WITH_SOME, weight=2),
    _course("Modern Slavery Awareness", Trait.SHARED_WITH_SOME),
    _course("Forklift Truck Refresher", Trait.SHARED_WITH_SOME, Trait.LICENSED),
    _course("Dangerous Goods (ADR) Awareness", Trait.SHARED_WITH_SOME, Trait.MODULE_BEING_DELETED),
    _course("Infection Prevention and Control", Trait.SHARED_WITH_SOME),
    _course("Fire Safety", weight=3),
    _course("Workplace Health and Safety Induction", weight=3),
    _course('<span lang="en" class="multilang">Data protection</span>'
            '<span lang="vi" class="multilang">Bảo vệ dữ liệu</span>', weight=2),
    _course('Health &amp; Safety &lt;2027&gt; "R&D"', weight=2),
    _course("Equality, Diversity & Inclusion 🎓🌍", weight=2),
    _course("السلامة في مكان العمل"),
    _course("בטיחות בעבודה: רענון שנתי"),
    _course("労働安全衛生教育（年次）", Trait.HIDDEN_MODULE),
    _course(_LONG_NAME),
    _course("\"Lessons, learned\" - it's O'Clock; <script>alert('course')</script>"),
    _course("Draft: Driver Assessment 2027", Trait.HIDDEN),
    _course("Archive: Office Move", Trait.HIDDEN),
    _course("Legacy Intranet Guide", Trait.COMPLETION_OFF),
    _course("Old Policy Library", Trait.COMPLETION_OFF),
    _course("Reading Room", Trait.NOTHING_TRACKED),
    _course("Toolbox Talks", Trait.NOTHING_TRACKED),
    _course("Winter Driving", Trait.RESET),
    _course("Annual Refresher", Trait.RESET),
    _course("Sandbox for Trainers", Trait.NO_COMPANY),
    _course("Local Site Rules", Trait.NO_IOMAD_ROW),
    _course("Visitor Guide", Trait.MANUAL_DISABLED),
    _course("Summer Internship Onboarding", Trait.MANUAL_DISABLED),
    _course("Manual Handling", Trait.MODULE_BEING_DELETED, weight=2),
    _course("Hazardous Substances (COSHH)", Trait.MODULE_BEING_DELETED),
    _course("First Aid at Work", Trait.HIDDEN_MODULE),
    _course("Working at Height", Trait.UNTRACKED_PROGRESS),
    _course("Display Screen Equipment", Trait.UNTRACKED_PROGRESS),
    _course("Lockout/Tagout", Trait.UNTRACKED_PROGRESS),
    _course("Preventing Harassment", Trait.LISTED_TWICE, weight=1.5),
    _course("Whistleblowing", Trait.LISTED_TWICE),
    _course("Conflicts of Interest"),
    _course("Export Control and Sanctions"),
    _course("Competition Law"),
    _course("Anti-Money Laundering", weight=1.5),
    _course("Food Hygiene Level 2", Trait.LICENSED),
    _course("HACCP Basics"),
    _course("Hand Hygiene"),
    _course("Safeguarding Adults"),
    _course("Medication Safety", Trait.LICENSED),
    _course("Cargo Securing"),
    _course("Driver Hours and Tachograph"),
    _course("Business Continuity"),
    _course("Incident Reporting"),
    _course("Risk Assessment Workshop"),
    _course("Environmental Awareness (ISO 14001)"),
    _course("Quality Management (ISO 9001)"),
    _course("Remote Work and Ergonomics", weight=1.5),
    _course("New Manager Essentials"),
    _course("Giving Feedback"),
    _course("Excel for Reporting"),
    _course("Electrical Safety Basics"),
)  # fmt: skip
"""Mandatory trainings, in the order of their ids; the site course stands before them."""
