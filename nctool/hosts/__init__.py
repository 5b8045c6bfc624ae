"""Adapters to the programs that people train with, each shown as ``nctool.HOST``."""
