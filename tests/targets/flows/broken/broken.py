import a_package_that_nobody_has


def answer(question: str):
    return question
