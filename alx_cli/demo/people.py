# ruff: noqa: RUF001 - names are spelt with the letters of their own alphabets
"""Names of people: realistic ones in thirteen languages, and those that break careless software.

Names only; who works where is `alx_cli.demo.learners`' business. A name outside the Latin alphabet stands with its
romanisation behind a slash, from which user names and e-mail addresses are made.
"""

import unicodedata
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Name:
    """A name as its bearer writes it, and in lower-case ASCII letters and digits."""

    text: str
    ascii: str


@dataclass(frozen=True, slots=True)
class NamePool:
    """The first and last names of one language."""

    first: tuple[Name, ...]
    last: tuple[Name, ...]


# What NFKD does not take apart into a letter and its accent.
_LETTERS = str.maketrans({
    "ß": "ss", "ø": "o", "ł": "l", "đ": "d", "æ": "ae", "þ": "th", "ð": "d", "ı": "i", "ä": "ae", "ö": "oe", "ü": "ue",
})  # fmt: skip


def ascii_of(text: str) -> str:
    """Return the ASCII letters and digits of a text in lower case, accents taken off: `Müller` gives `mueller`."""
    folded = unicodedata.normalize("NFKD", text.lower().translate(_LETTERS))
    return "".join(letter for letter in folded if letter.isascii() and letter.isalnum())


def _names(entries: str) -> tuple[Name, ...]:
    pairs = (entry.strip().partition("/") for entry in entries.split(","))
    return tuple(Name(text, ascii_of(romanised or text)) for text, _, romanised in pairs)


POOLS: dict[str, NamePool] = {
    "ar": NamePool(
        _names(
            "محمد/mohammed, أحمد/ahmed, فاطمة/fatima, عائشة/aisha, عمر/omar, علي/ali, خديجة/khadija, يوسف/yousef, "
            "مريم/maryam, حسن/hassan, ليلى/layla, خالد/khalid, نور/nour, سعيد/saeed, هدى/huda"
        ),
        _names(
            "الرشيد/alrashid, المنصوري/almansoori, الحداد/alhaddad, النجار/alnajjar, خوري/khoury, الهاشمي/alhashimi, "
            "الزعابي/alzaabi, مراد/murad, العلي/alali, حمدان/hamdan, الشامسي/alshamsi, قاسم/qasim"
        ),
    ),
    "de": NamePool(
        _names(
            "Anna, Lukas, Jürgen, Sabine, Björn, Käthe, Maximilian, Sophie, Hans-Peter, Ulrike, Jörg, Leonie, Felix, "
            "Marie, Wolfgang, Günther, Birgit, Tobias, Karin, Moritz, Hannah, Stefan, Änne, Paul, Jana"
        ),
        _names(
            "Müller, Schmidt, Schneider, Weiß, Schröder, Köhler, Groß, von der Heide, Jäger, Böhm, Krüger, Hofmann, "
            "Meier, Meyer, Vogel, Schäfer, Lange, Zimmermann, Kühn, Strauß, Brandt, Özdemir, Wagner, Becker"
        ),
    ),
    "en": NamePool(
        _names(
            "Emily, James, Olivia, Siân, William, Chloë, Harry, Niamh, Oluwaseun, Grace, Jack, Priya, Thomas, Aisling, "
            "Mohammed, Charlotte, Daniel, Zoë, Kwame, Hannah, George, Renée, Samuel, Amara, Mary-Jane"
        ),
        _names(
            "Smith, Jones, O'Brien, Taylor, D'Angelo, Williams, Smith-Jones, MacDonald, Okonkwo, Patel, Brown, Davies, "
            "Evans, O'Neil, Thomas, Johnson, Roberts, Walker, Adeyemi, Wright, Robinson, Thompson, St. John, Hughes"
        ),
    ),
    "es": NamePool(
        _names(
            "José, María José, Íñigo, Lucía, Andrés, Begoña, Ana María, Jesús, Inés, Raúl, Sofía, Iván, Pilar, Óscar, "
            "Martín, Noelia, Ángel, Carmen, Joaquín, Elena"
        ),
        _names(
            "García, Núñez, de la Cruz, Muñoz, Rodríguez, López, Sánchez, Peña, Ibáñez, Gutiérrez, Fernández, "
            "Martínez, del Río, Gómez, Ordóñez, Vázquez, Castaño, Jiménez"
        ),
    ),
    "fr": NamePool(
        _names(
            "Jean-Luc, Élodie, François, Zoé, Benoît, Anaïs, Loïc, Hélène, Jérôme, Maëlle, Théo, Françoise, Rémi, "
            "Chloé, Gaël, Noémie, André, Léa, Cédric, Agnès"
        ),
        _names(
            "Lefèvre, Dubois, d'Aubigné, Moreau, Beauséjour, Durand, Lévêque, Garnier, de La Fontaine, Noël, Fabre, "
            "Gauthier, Le Goff, Rousseau, Bénard, Château, Mercier, Lambert"
        ),
    ),
    "he": NamePool(
        _names("נועם/noam, שרה/sarah, דוד/david, תמר/tamar, יוסי/yossi, מיכל/michal, אבי/avi, רחל/rachel"),
        _names("כהן/cohen, לוי/levi, מזרחי/mizrahi, פרץ/peretz, ביטון/biton, אברהם/avraham, פרידמן/friedman"),
    ),
    "ja": NamePool(
        _names(
            "太郎/taro, 花子/hanako, 健太/kenta, 美咲/misaki, 翔/sho, さくら/sakura, 大輔/daisuke, 由美子/yumiko, "
            "一郎/ichiro, 恵/megumi, 拓也/takuya, 愛/ai, 浩/hiroshi, 陽子/yoko"
        ),
        _names(
            "田中/tanaka, 鈴木/suzuki, 佐藤/sato, 高橋/takahashi, 伊藤/ito, 渡辺/watanabe, 山本/yamamoto, "
            "中村/nakamura, 小林/kobayashi, 加藤/kato, 吉田/yoshida, 齋藤/saito, 小龍/koryu"
        ),
    ),
    "no": NamePool(
        _names("Åse, Bjørn, Søren, Ingrid, Øyvind, Sigrid, Lars, Astrid, Håkon, Kjersti, Þór, Maj-Britt, Jens, Tuva"),
        _names("Hansen, Ødegård, Ærø, Bjørnstad, Halvorsen, Solberg, Kjær, Nygård, Lund, Sørensen, Dahl, Haugen"),
    ),
    "pl": NamePool(
        _names(
            "Łukasz, Agnieszka, Paweł, Małgorzata, Michał, Żaneta, Krzysztof, Zofia, Grzegorz, Świętosława, Jakub, "
            "Kasia, Bartłomiej, Joanna, Tomasz, Elżbieta"
        ),
        _names(
            "Kowalski, Nowak, Wiśniewska, Wójcik, Dąbrowski, Kamińska, Zając, Szczepański, Król, Brzęczyszczykiewicz, "
            "Woźniak, Kozłowska, Jabłoński, Mazur"
        ),
    ),
    "ru": NamePool(
        _names(
            "Иван/ivan, Нина/nina, Дмитрий/dmitry, Ольга/olga, Сергей/sergey, Екатерина/ekaterina, Алексей/alexey, "
            "Наталья/natalya, Юрий/yuri, Светлана/svetlana"
        ),
        _names(
            "Иванов/ivanov, Петрова/petrova, Сидоров/sidorov, Кузнецова/kuznetsova, Щербаков/shcherbakov, "
            "Смирнова/smirnova, Фёдоров/fyodorov, Мельник/melnyk"
        ),
    ),
    "tr": NamePool(
        _names(
            "Ümit, Ayşe, Çağla, Mehmet, İbrahim, Gülşen, Şükrü, Elif, Oğuz, Zeynep, Mustafa, Özlem, Işıl, Emre, Hakan"
        ),
        _names("Çelik, Yılmaz, Öztürk, Şahin, Kaya, Demir, Güneş, Aydın, Kılıç, Doğan, Arslan, Çetin, Yıldız, Koç"),
    ),
    "vi": NamePool(
        _names(
            "Thị Hương, Văn Đức, Minh Anh, Ngọc Ánh, Quốc Bảo, Thảo, Đặng, Hồng Nhung, Tuấn, Phương, Hải Yến, Khánh, "
            "Bích Thủy, Trung"
        ),
        _names("Nguyễn, Trần, Lê, Phạm, Huỳnh, Đỗ, Vũ, Đặng, Bùi, Ngô, Hồ, Dương"),
    ),
    "zh": NamePool(
        _names("李/li, 伟/wei, 芳/fang, 秀英/xiuying, 敏/min, 静/jing, 强/qiang, 磊/lei, 洋/yang, 艳/yan"),
        _names("王/wang, 李/li, 张/zhang, 刘/liu, 陈/chen, 杨/yang, 赵/zhao, 黄/huang, 吴/wu, 欧阳/ouyang"),
    ),
}
"""Names by language. The largest companies draw from several."""

AWKWARD_NAMES: tuple[tuple[str, str], ...] = (
    ("Mary, Ann", "de la Cruz, Jr."),
    ('"Quoted"', 'O"Neil'),
    ("Siân", "Null"),
    ("Đặng", "Test\\Back"),
    ("😀 Emoji", "🚀 Rocket"),
    ("Family 👩‍👩‍👧‍👦", "Zero\u200bWidth"),
    ("O'Brien", "D'Angelo; DROP TABLE mdl_user; --"),
    ("Tab", "Tab\tName"),
    ("<b>Bold</b>", "&amp; Sons"),
    ("=SUM(A1:A9)", "+49 30 1234"),
    ("محمد \u200f(مدير)", "الرشيد 🌴"),
    ("Z̷a̷l̷g̷o̷", "e\u0301 combining"),
    (("Verylongfirstname " * 6)[:100], ("Überlangernachname " * 6)[:100]),
    ("None", "NaN"),
)
"""First and last names that a careless reader, writer or spreadsheet gets wrong; each at most VARCHAR(100)."""

AWKWARD_EMAILS: tuple[str, ...] = (
    "not-an-email",
    "two@at@signs.example",
    "o'brien+tag{n}@mail.example",
    "UPPER.Case{n}@Example.COM",
    "spaces in{n}@mail.example",
    "müller{n}@münchen.example",
    "",
    "a" * 60 + "@" + "b" * 25 + ".example.com",
)
"""Addresses that Moodle stores although (or because) they are wrong; `{n}` is the user's id."""
