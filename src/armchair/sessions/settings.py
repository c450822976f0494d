"""How patient the portal is with launchers and agents."""

from pydantic import BaseModel, ConfigDict, Field

from armchair.domain.decide import Policy


class SessionsSettings(BaseModel):
    """The reconciler's pace."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tick_seconds: float = Field(
        default=1.0,
        ge=0.2,
        le=60,
        description="How often the launchers are asked about living jobs when nothing is about to change, in seconds.",
    )
    launch_concurrency: int = Field(
        default=8, ge=1, le=64, description="How many jobs are handed to launchers at once; more wait their turn."
    )

    def policy(self) -> Policy:
        """The pure rules' patience; only its defaults are used so far."""
        return Policy()
