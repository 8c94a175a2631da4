"""Texts that tokenizers stumble over: fixed ones, and random ones from a seed.

Used by make_tokenizer.py, which writes the golden files, and by check_tokenizer.py, which compares the built binary with the
`tokenizers` library on many more. Knows no tokenizer.
"""
import random

TRAINING_TEXT = """In the beginning God created the heaven and the earth. And the earth was without form, and void; and darkness
was upon the face of the deep. And the Spirit of God moved upon the face of the waters. And God said, Let there be light: and
there was light. And God saw the light, that it was good: and God divided the light from the darkness. And God called the light
Day, and the darkness he called Night. And the evening and the morning were the first day. It's what they've said; we'll see,
I'd think, you're right, I'm sure, don't. IT'S WHAT THEY'VE SAID. In 1611 there were 66 books, 1189 chapters, 31102 verses.
Alle Menschen sind frei und gleich an Würde und Rechten geboren. Tous les êtres humains naissent libres et égaux. Todos los seres
humanos nacen libres e iguales. Все люди рождаются свободными и равными. Όλοι οι άνθρωποι γεννιούνται ελεύθεροι. 人人生而自由，
在尊严和权利上一律平等。すべての人間は、生まれながらにして自由であり。모든 인간은 태어날 때부터 자유로우며. सभी मनुष्यों को गौरव और अधिकारों.
يولد جميع الناس أحرارا متساوين. כל בני האדם נולדו בני חורין. มนุษย์ทั้งหลายเกิดมามีอิสระ. Tất cả mọi người sinh ra đều được tự do.
def add(first, second):\n    return first + second  # {"key": [1, 2.5e-3]}\n\nfor (int i = 0; i < n; ++i) {\n\t\tsum += x[i];\n\t}\r\n
"""

FIXED = [
    "", " ", "  ", "\n", "\n\n", "\t", "a", " a", "a ", "  a  b  ", "Let there be light", " Let there be light ",
    "it's IT'S we'll WE'LL they've I'd you're I'm don't 'tis rock'n'roll ''s '' 's", "itſ IT'ſ 'ſ", "O’Brien’s “quoted” — dash…",
    "0 1 12 123 1234 12345 1,234.56 1e-10 0x1F ²³¹ ½ Ⅷ ٣٤٥ ४२ ൠ", "a1b22c333d4444", "MixedCase CamelCaseWords SCREAMING_SNAKE kebab-case",
    "x=y+z; if (a && b || !c) { return arr[i]->next; } // done\n", "def f(x):\n    if x:\n\n\n        return {\n\t\t'a': 1}\n",
    "line one\r\nline two\r\n\r\nline three\rlast", "tabs\t\ttabs\n\t\n \t \n  end   ", "trailing spaces   \n   leading",
    "a" * 200, "ab" * 300, " " * 100, "\n" * 50, " \n" * 40, "x" + " " * 33 + "y", "\u3000\u3000全角　空白", "a\u00a0b\u2003c\u2028d\u2029e\u0085f\u180eg\u200bh\ufeffi",
    "\x00\x01\x02\x1f\x7f\x80\x9f", "null\x00byte", "Würde Straße ÀÉÎÕÜ ñ ç ø å æ œ ŁódŹ", "e\u0301 é A\u030a Å Å ﬁ ﬂ ﬀ Ω Ω K K",
    "q\u0323\u0307 q\u0307\u0323 a\u0301\u0316\u0334 \u0344 \u0958 \u0f73 \u2adc \ud55c\uae00 \u1112\u1161\u11ab", "\u0301\u0301leading marks",
    "नमस्ते दुनिया क्षत्रिय ज्ञान", "مرحبا بالعالم اَلسَّلَامُ عَلَيْكُمْ", "שָׁלוֹם עוֹלָם", "Привет, мир! Ёлка ёж", "Γειά σου Κόσμε ΌΣΟΣ όσος",
    "你好，世界！中文测试。", "こんにちは世界 カタカナ ｶﾀｶﾅ", "안녕하세요 세계", "สวัสดีชาวโลก", "ជំរាបសួរ​ពិភពលោក", "မင်္ဂလာပါ", "ሰላም ዓለም", "ᐊᐃᓐᖓᐃ", "𐌰𐌱𐌲 𒀀𒁀 𓀀𓁐 𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𝟘𝟙𝟚",
    "😀 😃😄 👍🏽 👩‍👩‍👧‍👦 🏳️‍🌈 🇩🇪🇫🇷 ☺️ ☺ ❤️‍🔥 #️⃣", "a👍b", "👨‍🚀 in text", "\U0001f9d1\U0001f3fb\u200d\U0001f91d\u200d\U0001f9d1\U0001f3ff",
    "\u0897\u0898\u1715\u1ac0\U00011938\U00011935\U00011930 new marks", "a\u0323\u0898\u0300 a\u1ac1\u0301", "\U00031350\U0002ebf0\U0001e4d0 \ua7dc\ua7cb\U00010d50\U00010d70 \U00010d40\U00010d41 new letters",
    "\ufffd \ufffe\uffff \U0010ffff \ue000 \U000f0000", "\u200d\u200c\u2060\u00ad soft\u00adhyphen", "Z̸̡̢̛͎̺̓̔a̵̛͓̝͐l̶̨̢̛͇̦̬̈g̴̢͇̃o̷͖̓", "ᾳ ᾼ ΐ ΰ ǅ ǆ Ǆ ß ẞ İ ı",
    "▁ ▁▁ a▁b ▁a ▁ a", "Ġ ĠĠ Ċ aĠb", "<0x0A> <0xE2> <0x41>", "<unk> <s> </s>", "<s>text</s>", "a<s> b </s> c", "<|endoftext|>", "a<|endoftext|>b", "<|endoftext|><|endoftext|>",
    " <|endoftext|> ", "\n<|endoftext|>\n", "<|im_start|>user\nHi there<|im_end|>\n<|im_start|>assistant\n", "<|im_start|", "<|<|endoftext|>|>", "<|endoftext|>>", "<|END|>",
    "  <mask>  x <mask>y\t<mask>\n\n<mask>", "<mask><mask>  <mask>", "a<word>b <word> c, <word>. <word>9 <word>_ <word>é <word>\u0301 \u200d<word>", " <left> <left>x  <left>", "x <right>   y<right>\u2003\u180e z<right>",
    "plain added Plain  plain plainer implain", "café cafe\u0301 caf\u00e9s", "New York New  York new york", "https://example.org/a/b?c=d&e=f#g user@example.org", "/usr/local/lib//x.so", "3.14159265358979 -273.15 +1",
    "a.b.c... wait!!! what??? (no) [yes] {maybe} <tag attr=\"v\"/>", "$100 €50 £20 ¥1000 50% ±5°C ∑∫√∞ ≠ ≤ →", "'", "\"", "\\", "\\n\\t", "`code` ``` ~~~", "_" * 20 + "-" * 20 + "=" * 20,
]

RANGES = [
    (0x20, 0x7e, 30), (0x00, 0x1f, 2), (0x80, 0xff, 6), (0x100, 0x24f, 4), (0x300, 0x36f, 5), (0x370, 0x3ff, 2), (0x400, 0x4ff, 3), (0x590, 0x6ff, 4), (0x700, 0x8ff, 2),
    (0x900, 0xdff, 5), (0xe00, 0xfff, 3), (0x1000, 0x1fff, 5), (0x2000, 0x206f, 4), (0x2070, 0x2fff, 4), (0x3000, 0x30ff, 4), (0x3100, 0x9fff, 4), (0xa000, 0xabff, 3), (0xac00, 0xd7ff, 3),
    (0xe000, 0xffff, 3), (0x10000, 0x10fff, 4), (0x11000, 0x11fff, 4), (0x12000, 0x1afff, 2), (0x1b000, 0x1efff, 4), (0x1f000, 0x1faff, 4), (0x20000, 0x323af, 2), (0xe0000, 0x10ffff, 1),
]
WORDS = ["<s>", "</s>", "<unk>", "<mask>", "<word>", "<left>", "<right>", "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|begin|>", "<|end|>", "<|pad|>", "plain", "New York", "café", "▁", "  ", "    ",
         " ", " ", "\n", "\n\n", "\r\n", "\t", "'s", "'LL", "'ve", "the", "and", "light", "God", "1611", "12345", "don't", "Würde", "люди", "人人", "すべて", "é", "e\u0301", "👍🏽", "👩‍👩‍👧", "\u180e", "\u0085", "\u200d"]


def random_text(random_state):
    """Up to some dozens of characters and words, of one or of all scripts."""
    weights = [weight for _, _, weight in RANGES]
    few = random_state.choices(RANGES, weights, k=2) if random_state.random() < 0.5 else RANGES
    few_weights = [weight for _, _, weight in few]
    parts = []
    for _ in range(random_state.choice([1, 3, 8, 20, 60])):
        if random_state.random() < 0.3:
            parts.append(random_state.choice(WORDS))
            continue
        low, high, _ = random_state.choices(few, few_weights)[0]
        character = chr(random_state.randint(low, high))
        repeat = random_state.choice([1, 1, 1, 1, 2, 5]) if random_state.random() < 0.2 else 1
        parts.append("" if "\ud800" <= character <= "\udfff" else character * repeat)
    return "".join(parts)


def random_texts(count, seed):
    random_state = random.Random(seed)
    return [random_text(random_state) for _ in range(count)]
