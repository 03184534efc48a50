"""Why a PERMANOVA of stacked visits is refused, in one place."""

# The figure is of resources/docs/calibration.md, section Community.
STACKED = (
    "asks for a PERMANOVA on stacked rows (several visits of a participant as if they were participants); "
    "rows of one person are alike, so the test finds arms different in 65 of 100 null trials at alpha 0.05; "
    "fix: use 'change' or 'residual' (one row per participant), or 'interaction' for any distance"
)
