"""The tools of the research assistant and of the small manifests do what their manifests say."""

TOPIC = "agent loops and dataflow scheduling"


def test_facts_are_sentences_of_the_article_and_of_nothing_around_it(call_tool, page):
    facts = call_tool("extract_facts", text=page["text"], topic=TOPIC).output
    texts = [fact["text"] for fact in facts["facts"]]
    assert facts["title"] == "Agent loop"
    assert facts["sections"][:2] == ["History", "Scheduling the plan"]
    assert texts[0].startswith("An agent loop is a control structure")
    assert any("1962" in text for text in texts)
    for noise in ("not part of the text", "Software architecture", "[1]", "Sample text"):
        assert noise not in facts["text"]


def test_facts_of_plain_text_need_no_markup_and_keep_initials_together(call_tool):
    text = "J. R. Smith built 12 looms in 1801 in the old mill. It burnt down soon after that."
    facts = call_tool("extract_facts", stdin=True, text=text, max_facts=1).output["facts"]
    assert [fact["kind"] for fact in facts] == ["date"]
    assert facts[0]["text"].startswith("J. R. Smith built")


def test_the_title_is_the_first_heading_else_that_of_the_page(call_tool):
    page = "<title>Looms - a site</title>{}<p>The loom was built in 1801 by a weaver of the town."
    headed = page.format("<header><h1>Loom</h1><nav>Skip to text</nav></header>")
    titles = [
        call_tool("extract_facts", text=text).output["title"] for text in (headed, page.format(""))
    ]
    assert titles == ["Loom", "Looms - a site"]


def test_an_empty_article_is_a_failure(call_tool):
    assert call_tool("extract_facts", text=" ").error == "the text holds no sentences"


def test_ranking_drops_what_is_off_topic(call_tool, papers):
    ranked = call_tool("rank_entries", entries=papers["entries"], topic=TOPIC, keep=9).output
    assert ranked["dropped"] == 1
    assert ranked["kept"][0]["title"].startswith("Waves Considered Slow")
    assert "Colour Constancy" not in [entry["title"][:16] for entry in ranked["kept"]]
    scores = [entry["score"] for entry in ranked["kept"]]
    assert scores == sorted(scores, reverse=True)


def test_to_have_nothing_on_the_topic_is_a_failure(call_tool, papers):
    answer = call_tool("rank_entries", entries=papers["entries"], topic="medieval glass")
    assert answer.exit_code == 1
    assert answer.error == "none of 6 entries shares a word with the topic"


def test_a_topic_without_words_is_a_failure(call_tool):
    assert call_tool("rank_entries", entries=[], topic="?").exit_code == 1


def test_the_finding_of_a_paper_is_its_result(call_tool, papers):
    found = call_tool("pick_findings", entries=[*papers["entries"], {"title": "bare"}]).output
    assert found[1]["finding"].startswith("Dataflow execution, which starts an action")
    assert found[2]["finding"].startswith("Choosing the action with the longest remaining path")
    assert found[-1]["finding"] is None


def test_quality_measures_what_is_wrong_with_a_report(call_tool):
    facts = [{"text": "The robot Shakey was built in 1966"}, {"text": "Whales sing songs"}]
    report = "The robot Shakey was built in 1966. The robot Shakey was built in 1966."
    checked = call_tool("check_quality", report=report, facts=facts, min_words=14).output
    assert checked["measures"]["repeated_sentences"] == 1
    assert checked["measures"]["facts_covered"] == 1
    assert checked["remarks"] == [
        "1 of 2 sentences repeat another",
        "1 of 2 facts are not mentioned",
    ]
    assert (checked["score"], checked["passed"]) == (65, True)


def test_an_empty_report_does_not_pass(call_tool):
    checked = call_tool("check_quality", report="", facts=[{"text": "Whales sing songs"}]).output
    assert (checked["score"], checked["passed"]) == (10, False)


def test_citations_name_the_source_of_each_sentence_and_of_no_invention(
    call_tool, page, papers, news
):
    invention = "The moon consists of green cheese and yellow cake."
    report = "\n".join(
        [
            "Dataflow execution shortens the median run by 23 percent.",
            f"Arthur Kahn described in 1962 how to put the nodes in order. {invention}",
            "A repair that took a night now ends within 50 minutes.",
        ]
    )
    article = {"title": "Agent loop", "link": "corpus", "text": page["text"]}
    cited = call_tool(
        "cite_sources", report=report, article=article, papers=papers, news=news
    ).output
    marked = cited["text"].split("\n\n")
    assert marked[0].endswith("23 percent [1].")
    assert marked[1].endswith(f"in order [2]. {invention}")
    assert marked[2].endswith("50 minutes [3].")
    assert cited["unsupported"] == [invention]
    kinds = [(ref["kind"], ref["cited"]) for ref in cited["references"][:4]]
    assert kinds == [("paper", True), ("article", True), ("news", True), ("paper", False)]


def test_a_report_without_sources_is_left_as_it_is(call_tool):
    cited = call_tool(
        "cite_sources", report="It runs by itself every night.", papers={"entries": None}
    ).output
    assert cited["text"] == "It runs by itself every night."
    assert cited["references"] == []


def test_the_assembled_report_has_each_part_once(call_tool, page, papers, news):
    facts = call_tool("extract_facts", text=page["text"], topic=TOPIC).output
    found = call_tool("pick_findings", entries=papers["entries"]).output
    text = f"{facts['text']}\n{news['text']}"
    article = {"title": facts["title"], "link": "corpus", "text": page["text"]}
    cited = call_tool(
        "cite_sources", report=text, article=article, papers={"entries": found}, news=news
    ).output
    quality = call_tool("check_quality", report=text, facts=facts["facts"]).output
    report = call_tool(
        "assemble_report",
        topic=TOPIC,
        text=cited["text"],
        references=cited["references"],
        facts=facts["facts"],
        quality=quality,
    ).output
    headings = [line for line in report.splitlines() if line.startswith("#")]
    assert headings == [
        "# Agent loops and dataflow scheduling",
        "## Summary",
        "## Timeline",
        "## What the papers found",
        "## In the news",
        "## Sources",
        "## Further reading",
        "## Quality",
    ]
    years = [line[4:8] for line in report.splitlines() if line.startswith("- **")]
    assert years == sorted(years)


def test_a_report_with_nothing_around_it_is_a_title_and_its_text(call_tool):
    report = call_tool("assemble_report", topic="looms", text="They weave.").output
    assert report == "# Looms\n\n## Summary\n\nThey weave.\n"


def test_the_name_a_model_gives_a_paragraph_is_set_off(call_tool):
    text = "news: It rains.\n\nThe weather: it rains."
    report = call_tool("assemble_report", topic="rain", text=text).output
    assert report.endswith("**News.** It rains.\n\nThe weather: it rains.\n")


def test_an_unreliable_tool_succeeds_on_the_attempt_it_is_told(call_tool):
    second = call_tool("unreliable", env={"CORTEX_ATTEMPT": "2"}, succeeds_on=3)
    third = call_tool("unreliable", env={"CORTEX_ATTEMPT": "3"}, succeeds_on=3)
    assert (second.exit_code, second.error) == (1, "attempt 2 found nobody at home")
    assert third.output == {"attempt": 3}
    assert call_tool("unreliable").exit_code == 1


def test_taking_time_reports_each_tenth(call_tool):
    answer = call_tool("take_time", seconds=0, value="ready")
    assert answer.output == "ready"
    assert answer.stderr.splitlines()[4:] == [
        f'{{"progress": {step / 10}}}' for step in range(5, 11)
    ]
