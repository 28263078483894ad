"""What people decide on entities reaches Neo4j, and is taken back there exactly as well."""

import pytest
from hypothesis import HealthCheck, given, settings
from reading import ingested
from test_curation import OPERATIONS, TEXTS, decide

pytestmark = pytest.mark.slow


@settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(OPERATIONS)
def test_any_sequence_of_decisions_is_taken_back_exactly(tmp_path_factory, neo4j, operations):
    with ingested(tmp_path_factory.mktemp("any"), TEXTS) as kg:
        past = []
        kg.push(neo4j.url)
        for operation, first, second in operations:
            now = neo4j.contents()
            if operation == "undo" and past:
                kg.undo()
                kg.push(neo4j.url)
                assert neo4j.contents() == past.pop()
            elif operation != "undo" and decide(kg, operation, first, second):
                past.append(now)
                kg.push(neo4j.url)
        while past:
            kg.undo()
            kg.push(neo4j.url)
            assert neo4j.contents() == past.pop()
        assert not kg.diff(neo4j.url)
