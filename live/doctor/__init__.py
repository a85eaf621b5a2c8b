"""`fomm-live doctor`: what works here, what does not, and what to do about it."""

from live.doctor.findings import Finding, Level

__all__ = ["Finding", "Level"]
