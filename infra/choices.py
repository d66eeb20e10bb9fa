"""What a setting may be, where it is one of a few: each kind of part that Aurum can run with."""

from enum import StrEnum


class Environment(StrEnum):
    """Where this process runs. Production refuses defaults that are safe on a laptop only."""

    DEVELOPMENT = "development"
    PRODUCTION = "production"


class Risk(StrEnum):
    """What production refuses unless whoever runs it says that they accept it (`AURUM_ACCEPTED_RISKS`).

    `folder_store`: documents lie in a folder, whose disk somebody mirrors and backs up.
    `simulated_quotes`: prices are invented, and every answer says so.
    `plain_database`, `plain_temporal`: no TLS to a server on another machine; the network between is ours alone.
    """

    FOLDER_STORE = "folder_store"
    SIMULATED_QUOTES = "simulated_quotes"
    PLAIN_DATABASE = "plain_database"
    PLAIN_TEMPORAL = "plain_temporal"


class BankProfile(StrEnum):
    """How a wire is written to the bank channel.

    `correspondent`: pain.001.001.09, we are a corporate client of our correspondent bank.
    `swift`: pacs.008.001.08 with a business application header (CBPR+), we are a bank among banks.
    """

    CORRESPONDENT = "correspondent"
    SWIFT = "swift"


class BankHours(StrEnum):
    """`calendar`: cut-offs, bank holidays and business time hold. `always`: every moment is bank time."""

    CALENDAR = "calendar"
    ALWAYS = "always"


class EmailKind(StrEnum):
    """Who delivers e-mail: a folder of readable messages, or SendGrid."""

    FOLDER = "folder"
    SENDGRID = "sendgrid"


class StoreKind(StrEnum):
    """Where documents are kept: a folder, or a bucket of S3."""

    FOLDER = "folder"
    S3 = "s3"


class ScannerKind(StrEnum):
    """Who looks for malicious content in uploads: nobody, which production refuses, or ClamAV."""

    NONE = "none"
    CLAMAV = "clamav"


class QuotesKind(StrEnum):
    """Who tells prices: the simulated exchange, which says so in every answer, or Alpha Vantage."""

    SIMULATED = "simulated"
    ALPHA_VANTAGE = "alpha_vantage"
