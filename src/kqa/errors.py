"""Everything kqa can refuse, as one tree.

KqaError
├── ConfigError        a setting that kqa does not know or cannot use
├── CorpusError        a document or a corpus folder that cannot be read
│   ├── DocumentRefused  one file that cannot be read; the others can
│   └── RulesError     a reviewed file (safety.toml, disagreements.toml) that does not hold
├── EncoderError       the encoder is missing, altered or disagrees with its export
├── ShardError         a file of vectors that is none, or that does not go with the others
├── UnusableIndex      (raised only as one of its kinds)
│   ├── IndexMissing   no index where one was expected
│   ├── IndexUnwritable  the disk refuses a new one; the old one still stands
│   ├── IndexUnreachable  the database that holds it does not answer
│   ├── IndexStale     the index is older than its corpus or its format
│   └── IndexCorrupt   the bytes are not those that were built
├── QuestionError      a question that cannot be asked
├── CitationError      a citation that is not one
├── JudgmentError      judged questions, runs or a benchmark folder that cannot be used
├── FeedbackError      a reader's judgment that cannot be kept
├── LimitError         (raised only as one of its kinds) not answered now; ``seconds`` says when to ask again
│   ├── TooOften       one client asks too often
│   └── TooMany        too many ask at once
└── QuoteMismatch      a quote is not word for word in its document; never repaired

Abstention and referral are outcomes of an answer, not errors.
"""


class KqaError(Exception):
    """Anything kqa refuses; the message says what, where and what to do."""


class ConfigError(KqaError):
    """A setting that kqa does not know or cannot use."""


class CorpusError(KqaError):
    """A document or a corpus folder that cannot be read."""


class DocumentRefused(CorpusError):
    """One file that cannot be read; the others can."""


class RulesError(CorpusError):
    """A reviewed file (safety.toml, disagreements.toml) that does not hold."""


class EncoderError(KqaError):
    """The encoder is missing, altered or disagrees with its export."""


class ShardError(KqaError):
    """A file of vectors that is none, or that does not go with the others."""


class UnusableIndex(KqaError):
    """An index that cannot answer; raised only as one of its kinds."""


class IndexMissing(UnusableIndex):
    """No index where one was expected."""


class IndexUnwritable(UnusableIndex):
    """The disk refuses a new index; the old one still stands."""


class IndexUnreachable(UnusableIndex):
    """The database that holds the index does not answer, or refuses."""


class IndexStale(UnusableIndex):
    """The index is older than its corpus or its format."""


class IndexCorrupt(UnusableIndex):
    """The bytes are not those that were built."""


class QuestionError(KqaError):
    """A question that cannot be asked."""


class CitationError(KqaError):
    """A citation that is not one."""


class JudgmentError(KqaError):
    """Judged questions, runs or a benchmark folder that cannot be used."""


class FeedbackError(KqaError):
    """A reader's judgment that cannot be kept; the message is for the reader."""


class LimitError(KqaError):
    """Not answered now; ``seconds`` says in how many whole seconds to ask again. Raised only as one of its two kinds."""

    def __init__(self, message: str, seconds: int) -> None:
        super().__init__(message)
        self.seconds = seconds


class TooOften(LimitError):
    """One client asks too often."""


class TooMany(LimitError):
    """Too many ask at once."""


class QuoteMismatch(KqaError):
    """A quote is not word for word in its document; never repaired."""
