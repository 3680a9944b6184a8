"""Every setting of the service: parts by subject, put together in `Settings`, read from `SPANTAIL_*` variables.

A new setting is a field of its part, in the file of the subject; its environment variable and its row in the tables
follow from it.
"""

from spantail_service.settings.environment import ENV_PREFIX, Settings, environment_names, setting_fields
from spantail_service.settings.handed_on import as_environment
from spantail_service.settings.links import LinkSettings
from spantail_service.settings.llm import LlmSettings
from spantail_service.settings.service import (
    AccessSettings,
    LimitSettings,
    ServerSettings,
    StorageSettings,
    default_data_dir,
    without_password,
)
from spantail_service.settings.table import SettingRow, setting_rows
from spantail_service.settings.work import BudgetSettings, JobSettings, NoticeSettings, OperationSettings

__all__ = [
    "ENV_PREFIX",
    "AccessSettings",
    "BudgetSettings",
    "JobSettings",
    "LimitSettings",
    "LinkSettings",
    "LlmSettings",
    "NoticeSettings",
    "OperationSettings",
    "ServerSettings",
    "SettingRow",
    "Settings",
    "StorageSettings",
    "as_environment",
    "default_data_dir",
    "environment_names",
    "setting_fields",
    "setting_rows",
    "without_password",
]
