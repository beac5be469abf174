"""docs/operations.md is executed: by the tests of this folder, whole."""

from tests.operations.page import shown, typed_by_tests


def test_every_command_of_the_page_is_typed_by_a_test_and_no_other() -> None:
    assert len(shown()) > 40
    assert sorted(typed_by_tests()) == sorted(shown())
