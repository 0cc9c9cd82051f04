"""The sections of the report, one file and one entry point each; `shown` builds those that `installed` finds."""
