"""Workers on Ray: segments of one video rendered by several cards or machines, with the same frames as on one."""

from __future__ import annotations

from beatwalk.jobs.ray.cluster import Cluster
from beatwalk.jobs.ray.crew import RayCrew
from beatwalk.jobs.ray.schedule import estimated_s
from beatwalk.jobs.ray.worker import SegmentWorker

__all__ = ["Cluster", "RayCrew", "SegmentWorker", "estimated_s"]
