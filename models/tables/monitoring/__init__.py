"""Monitoring as it is kept: runs, cases, rules (migration 0032)."""

from models.tables.monitoring.cases import MonitoringCase as MonitoringCase
from models.tables.monitoring.cases import alerts_of as alerts_of
from models.tables.monitoring.cases import cases_with as cases_with
from models.tables.monitoring.cases import claim as claim
from models.tables.monitoring.cases import close as close
from models.tables.monitoring.cases import comment as comment
from models.tables.monitoring.cases import confirm as confirm
from models.tables.monitoring.cases import count_cases as count_cases
from models.tables.monitoring.cases import events_of as events_of
from models.tables.monitoring.cases import evidence_of as evidence_of
from models.tables.monitoring.cases import find_case as find_case
from models.tables.monitoring.cases import give_back as give_back
from models.tables.monitoring.cases import suspicions_of as suspicions_of
from models.tables.monitoring.runs import run as run
