"""`map_imports` finds what Python modules need of each other to load."""


def test_import_cycles_are_found_with_relative_imports(probe, checkout):
    checkout.write(
        {
            "src/pack/__init__.py": "",
            "src/pack/a.py": "from .b import thing\nimport json, requests\n",
            "src/pack/b.py": "from pack.sub import c\n",
            "src/pack/sub/__init__.py": "",
            "src/pack/sub/c.py": "try:\n    from .. import a\nexcept ImportError:\n    a = None\n",
        }
    )
    found = probe("map_imports")
    assert found["cycles"] == [["pack.a", "pack.b", "pack.sub.c"]]
    assert (found["modules"], found["imports"]) == (5, 3)
    assert found["external"] == ["requests"]


def test_an_import_that_does_not_happen_on_loading_closes_no_cycle(probe, checkout):
    checkout.write(
        {
            "a.py": "import typing\nif typing.TYPE_CHECKING:\n    import b\n",
            "b.py": "import a\nimport c\n",
            "c.py": "def later():\n    import b\nif __name__ == '__main__':\n    import b\n",
        }
    )
    assert probe("map_imports")["cycles"] == []


def test_scripts_of_one_name_are_told_apart_by_folder(probe, checkout):
    checkout.write(
        {
            "one/main.py": "import shared\n",
            "one/shared.py": "",
            "two/main.py": "import shared\n",
            "two/shared.py": "import main\n",
            "three.py": "import shared\n",
        }
    )
    found = probe("map_imports")
    assert found["cycles"] == [["two/main.py", "two/shared.py"]]
    assert found["imports"] == 3
    assert found["external"] == []


def test_python_that_cannot_be_parsed_is_counted_and_the_rest_is_read(probe, checkout):
    checkout.write({"old.py": "print 'x'\n", "new.py": "import old\n", "more.py": ""})
    found = probe("map_imports", most_files=2)
    assert (found["modules"], found["left_out"], found["unparsed"]) == (2, 1, 0)
    assert probe("map_imports")["unparsed"] == 1
