"""The rating and the report of the audit follow from what was measured."""


def test_the_rating_names_what_it_has_not_seen(call_tool):
    rating = call_tool("rate_findings", tests=None).output
    assert (rating["score"], rating["findings"]) == (100, [])
    assert len(rating["not_seen"]) == 9


def test_the_audit_of_a_poor_project_says_why_it_is_poor(call_tool, probe, checkout):
    checkout.write(
        {
            "a.py": "import b\n" + "# FIXME\n" * 6,
            "b.py": "import a\n",
            "big.bin": b"\0" * 1_000_001,
            "requirements.txt": "bare\n",
            "config.py": "password = 'x1y2z3a4b5c6d7e8'\n",
        }
    )
    measured = {
        "languages": probe("count_languages"),
        "history": probe("read_history"),
        "large_files": probe("find_large_files"),
        "imports": probe("map_imports"),
        "tests": probe("measure_tests"),
        "project": probe("check_project_files"),
        "dependencies": probe("list_dependencies"),
    }
    found = call_tool("find_checkout", cwd=checkout.root).output
    markers, secrets = probe("count_markers"), probe("scan_secrets")
    rating = call_tool("rate_findings", markers=markers, secrets=secrets, **measured).output
    titles = [finding["title"] for finding in rating["findings"]]
    assert rating["score"] == 0
    assert titles[0] == "there are no tests"
    assert "import cycles: 1, the largest of 2 modules: a, b" in titles
    assert "markers of unfinished work: 6, 6 in a.py" in titles
    assert "dependencies without a version: 1, bare" in titles
    report = call_tool("write_audit", checkout=found, rating=rating, **measured).output
    assert report.startswith("# Audit of project\n\n**Score 0 of 100.** 5 tracked files, no commit")
    for line in ("| 25 | there are no tests |", "- cycle: a, b", "| big.bin | 1,000,001 |"):
        assert line in report
    assert "## History" not in report
