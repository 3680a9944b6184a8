"""Operations for tests, with their jobs, their inputs and the world they ask."""
