"""Every setting of the service: parts by subject, put together in `Settings`, read from `SPANTAIL_*` variables.

A new setting is a field of its part in `parts.py`; its environment variable and its row in the tables follow from it.
"""

from spantail_service.settings.environment import ENV_PREFIX, Settings, environment_names, setting_fields
from spantail_service.settings.handed_on import as_environment
from spantail_service.settings.parts import (
    AccessSettings,
    BudgetSettings,
    JobSettings,
    LimitSettings,
    LinkSettings,
    LlmSettings,
    NoticeSettings,
    OperationSettings,
    ServerSettings,
    StorageSettings,
    default_data_dir,
    without_password,
)
from spantail_service.settings.table import SettingRow, setting_rows

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
