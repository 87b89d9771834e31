"""What people do about their own login: password, one-time code, second factor."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from argon2 import PasswordHasher

from .conftest import FIRST_PASSWORD, Admin
from .people import (
    AUTH,
    USERS,
    Login,
    Person,
    first,
    invited,
    kind,
    made,
    post,
    rows,
    some_address,
    some_password,
    told,
)

REFUSED = (401, "login-refused")
WEAK = (422, "weak-password")


@pytest.fixture(scope="module")
def root(admin: Admin) -> Login:
    return first(admin).log_in()


@pytest.fixture
def person(root: Login) -> Person:
    return made(root)


class TestPasswordChange:
    def test_ends_the_other_sessions(self, person: Person) -> None:
        other, login = person.log_in(), person.log_in()
        old, person.password = person.password, some_password()
        body = {"old_password": old, "new_password": person.password}
        assert login.call("POST", f"{AUTH}/password", body).status_code == 204
        assert other.refresh().status_code == 401
        assert login.refresh().status_code == 200
        assert kind(person.try_login(old)) == REFUSED
        assert person.try_login().status_code == 200
        [(actor, _)] = told(person.admin, person.id, "administrator.password_changed")[1:]
        assert actor == person.username

    def test_a_wrong_old_one_counts_as_a_failed_login(self, person: Person) -> None:
        login = person.log_in()
        body = {"old_password": "not this one, never", "new_password": some_password()}
        for _ in range(5):
            assert kind(login.call("POST", f"{AUTH}/password", body)) == REFUSED
        assert kind(person.try_login()) == REFUSED
        body["old_password"] = person.password
        assert kind(login.call("POST", f"{AUTH}/password", body)) == REFUSED

    @pytest.mark.parametrize(
        "new", ["", "short", "administrator1", "Password2026!", "qwertyuiop[]", "x" * 20, "{username}-2026"]
    )
    def test_weak_ones(self, person: Person, new: str) -> None:
        login = person.log_in()
        body = {"old_password": person.password, "new_password": new.format(username=person.username)}
        for _ in range(6):  # which is no failure of a login
            answer = login.call("POST", f"{AUTH}/password", body)
            assert kind(answer) == WEAK
            assert answer.json()["field"] == "new_password"
        assert person.try_login().status_code == 200

    def test_the_same_again(self, person: Person) -> None:
        body = {"old_password": person.password, "new_password": person.password}
        assert kind(person.log_in().call("POST", f"{AUTH}/password", body)) == WEAK

    def test_service_accounts_have_none(self, admin: Admin) -> None:
        body = {"old_password": FIRST_PASSWORD, "new_password": some_password()}
        answer = admin.http.post(f"{AUTH}/password", json=body, headers=admin.headers())
        assert kind(answer) == (403, "insufficient-scope")
        assert answer.json()["required_scope"] == "administrators:self"

    def test_is_kept_as_argon2id_only(self, person: Person) -> None:
        [(kept,)] = rows(
            person.admin, "SELECT password_hash FROM admin.administrators WHERE id = %s", person.id
        )
        assert kept.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
        assert person.password not in person.admin.log()

    def test_a_hash_of_other_parameters_is_made_anew(self, person: Person) -> None:
        weaker = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash(person.password)
        rows(
            person.admin,
            "UPDATE admin.administrators SET password_hash = %s WHERE id = %s",
            weaker,
            person.id,
        )
        assert person.try_login().status_code == 200
        self.test_is_kept_as_argon2id_only(person)
        assert person.try_login().status_code == 200


class TestOneTimeCode:
    def body(self, person: Person, code: str) -> dict[str, str]:
        return {"username": person.username, "code": code, "new_password": person.password}

    def set(self, person: Person, code: str) -> tuple[int, str]:
        answer = post(person.admin, "password/reset", self.body(person, code), address=person.address)
        return (204, "") if answer.status_code == 204 else kind(answer)

    def test_is_good_once(self, root: Login) -> None:
        person, code = invited(root)
        assert self.set(person, code.lower().replace("-", " ")) == (204, "")
        assert self.set(person, code) == REFUSED
        assert person.try_login().status_code == 200

    def test_expires(self, root: Login) -> None:
        person, code = invited(root)
        rows(
            root.admin,
            "UPDATE admin.administrators SET reset_code_expires_at = now() WHERE id = %s",
            person.id,
        )
        assert self.set(person, code) == REFUSED

    def test_is_not_used_up_by_a_weak_password(self, root: Login) -> None:
        person, code = invited(root, full_name="Grace Hopper")
        good, person.password = person.password, "hopper-and-the-moth"
        assert self.set(person, code) == WEAK
        person.password = good
        assert self.set(person, code) == (204, "")

    def test_the_old_password_and_sessions_end_when_it_is_given(self, root: Login, person: Person) -> None:
        login = person.log_in()
        answer = root.call("POST", f"{USERS}/{person.id}/password-reset")
        assert answer.headers["Cache-Control"] == "no-store"
        assert kind(person.try_login()) == REFUSED
        assert login.refresh().status_code == 401
        person.password = some_password()
        assert self.set(person, answer.json()["reset_code"]) == (204, "")
        assert person.try_login().status_code == 200
        assert told(root.admin, person.id, "administrator.password_reset") == [("first", {})]

    def test_a_newer_one_replaces_it(self, root: Login, person: Person) -> None:
        codes = [
            root.call("POST", f"{USERS}/{person.id}/password-reset").json()["reset_code"] for _ in range(2)
        ]
        assert [self.set(person, code) for code in codes] == [REFUSED, (204, "")]

    def test_guesses_are_counted(self, root: Login) -> None:
        person, code = invited(root)
        for _ in range(5):
            assert self.set(person, "AAAA-BBBB-CCCC-DDDD") == REFUSED
        assert self.set(person, code) == REFUSED
        root.call("POST", f"{USERS}/{person.id}/unlock")
        assert self.set(person, code) == (204, "")

    def test_unknown_name_and_weak_password(self, admin: Admin) -> None:
        nobody = Person(admin, "nobody.at.all", "short", address=some_address())
        assert self.set(nobody, "AAAA-BBBB-CCCC-DDDD") == REFUSED

    def test_not_for_who_is_not_active(self, root: Login) -> None:
        person, code = invited(root)
        root.call("PATCH", f"{USERS}/{person.id}", {"is_active": False})
        assert self.set(person, code) == REFUSED

    def test_is_kept_as_a_hash(self, root: Login) -> None:
        person, code = invited(root)
        [(kept,)] = rows(
            root.admin, "SELECT reset_code_hash FROM admin.administrators WHERE id = %s", person.id
        )
        assert len(bytes(kept)) == 32
        assert code not in root.admin.log()


class TestSecondFactor:
    def test_is_asked_for_after_the_password(self, person: Person) -> None:
        factor, _ = person.enrol(person.log_in())
        assert kind(person.try_login()) == (401, "second-factor-required")
        assert kind(person.try_login("not this one, never")) == REFUSED
        login = person.log_in(code=factor.code())
        [session] = [one for one in login.call("GET", f"{AUTH}/sessions").json()["items"] if one["current"]]
        assert session["second_factor"] is True
        assert login.call("GET", f"{AUTH}/me").json()["has_second_factor"] is True

    def test_is_told_in_the_audit_trail(self, person: Person) -> None:
        person.enrol(person.log_in())
        assert told(person.admin, person.id, "administrator.second_factor_enrolled") == [
            (person.username, {})
        ]

    def test_a_code_is_good_once(self, person: Person) -> None:
        factor, _ = person.enrol(person.log_in())
        assert kind(person.try_login(code=factor.code(0))) == REFUSED  # it confirmed the enrolment
        assert kind(person.try_login(code=factor.code(-1))) == REFUSED  # of a step before one that was used
        assert person.try_login(code=factor.code(1)).status_code == 200
        assert kind(person.try_login(code=factor.code(1))) == REFUSED
        assert kind(person.try_login(code=factor.code(0))) == REFUSED

    def test_codes_of_a_clock_that_is_more_than_a_minute_off(self, person: Person) -> None:
        factor, _ = person.enrol(person.log_in())
        assert kind(person.try_login(code=factor.code(3))) == REFUSED
        assert kind(person.try_login(code=factor.code(-3))) == REFUSED
        assert person.try_login(code=factor.code()).status_code == 200

    def test_wrong_codes_are_counted_and_being_asked_is_not(self, person: Person) -> None:
        factor, _ = person.enrol(person.log_in())
        for _ in range(7):
            assert kind(person.try_login()) == (401, "second-factor-required")
        for n in range(5):
            assert kind(person.try_login(code=f"wrong{n}")) == REFUSED
            if n < 4:
                assert kind(person.try_login()) == (401, "second-factor-required")
        assert kind(person.try_login(code=factor.code())) == REFUSED
        assert kind(person.try_login()) == REFUSED

    def test_the_password_alone_does_not_clear_wrong_codes(self, person: Person) -> None:
        login = person.log_in()
        factor, _ = person.enrol(login)
        for n in range(4):
            assert kind(person.try_login(code=f"wrong{n}")) == REFUSED
        assert kind(login.call("POST", f"{AUTH}/totp", {"password": person.password})) == (409, "conflict")
        old, person.password = person.password, some_password()
        body = {"old_password": old, "new_password": person.password}
        assert login.call("POST", f"{AUTH}/password", body).status_code == 204
        assert kind(person.try_login(code="wrong4")) == REFUSED
        assert kind(person.try_login(code=factor.code())) == REFUSED

    def test_a_wrong_password_with_the_right_code(self, person: Person) -> None:
        factor, _ = person.enrol(person.log_in())
        code = factor.code()
        assert kind(person.try_login("not this one, never", code=code)) == REFUSED
        assert person.try_login(code=code).status_code == 200

    def test_recovery_codes(self, person: Person) -> None:
        _, codes = person.enrol(person.log_in())
        assert len(set(codes)) == 10
        assert person.try_login(code=codes[0].lower()).status_code == 200
        assert kind(person.try_login(code=codes[0])) == REFUSED
        assert person.try_login(code=codes[1]).status_code == 200
        left = [
            details["left"]
            for _, details in told(person.admin, person.id, "administrator.recovery_code_used")
        ]
        assert left == [9, 8]

    def test_of_one_is_none_of_another(self, root: Login, person: Person) -> None:
        _, codes = person.enrol(person.log_in())
        other = made(root)
        other.enrol(other.log_in())
        assert kind(other.try_login(code=codes[0])) == REFUSED
        assert person.try_login(code=codes[0]).status_code == 200

    def test_needs_the_password_to_begin_and_a_code_to_be_there(self, person: Person) -> None:
        login = person.log_in()
        assert kind(login.call("POST", f"{AUTH}/totp", {"password": "not this one"})) == REFUSED
        assert kind(login.call("POST", f"{AUTH}/totp/confirm", {"code": "123456"})) == (409, "conflict")
        begun = login.call("POST", f"{AUTH}/totp", {"password": person.password}).json()
        assert f"secret={begun['secret']}" in begun["otpauth_uri"]
        for wrong in ("", "abcdef", "12345", "٠٠٠٠٠٠"):
            answer = login.call("POST", f"{AUTH}/totp/confirm", {"code": wrong})
            assert kind(answer) == (422, "invalid-parameter")
        assert person.try_login().status_code == 200  # not confirmed: not needed

    def test_there_is_one(self, person: Person) -> None:
        login = person.log_in()
        person.enrol(login)
        assert kind(login.call("POST", f"{AUTH}/totp", {"password": person.password})) == (409, "conflict")

    def test_removed_with_password_and_code(self, person: Person) -> None:
        login = person.log_in()
        remove = f"{AUTH}/totp/remove"
        nothing = login.call("POST", remove, {"password": person.password, "code": "123456"})
        assert kind(nothing) == (409, "conflict")
        factor, codes = person.enrol(login)
        assert kind(login.call("POST", remove, {"password": person.password, "code": "123"})) == REFUSED
        assert kind(login.call("POST", remove, {"password": "not this one", "code": codes[0]})) == REFUSED
        proof = {"password": person.password, "code": factor.code()}
        assert login.call("POST", remove, proof).status_code == 204
        assert person.try_login().status_code == 200
        assert len(told(person.admin, person.id, "administrator.second_factor_removed")) == 1

    def test_removed_by_a_super_admin(self, root: Login, person: Person) -> None:
        person.enrol(person.log_in())
        assert root.call("DELETE", f"{USERS}/{person.id}/totp").status_code == 204
        assert person.try_login().status_code == 200

    def test_a_super_admin_does_not_remove_the_own(self, root: Login) -> None:
        """A token that was stolen must not be enough."""
        login = made(root, "SUPER_ADMIN").log_in()
        me = login.call("GET", f"{AUTH}/me").json()["id"]
        assert kind(login.call("DELETE", f"{USERS}/{me}/totp")) == (409, "conflict")

    def test_its_secret_is_kept_encrypted(self, person: Person) -> None:
        factor, codes = person.enrol(person.log_in())
        kept = rows(
            person.admin,
            "SELECT to_jsonb(a)::text || to_jsonb(r)::text FROM admin.administrators a"
            " JOIN admin.administrator_recovery_codes r ON r.administrator_id = a.id WHERE a.id = %s",
            person.id,
        )
        text = "".join(row for (row,) in kept)
        assert factor.secret.hex() not in text
        assert '"totp_secret": "v1.' in text
        assert all(code not in text and code.replace("-", "") not in text for code in codes)

    def test_two_processes_take_a_code_once(self, admin: Admin, beside: Admin, person: Person) -> None:
        factor, _ = person.enrol(person.log_in())
        code = factor.code()
        with ThreadPoolExecutor(4) as pool:
            answers = pool.map(lambda n: person.try_login(at=(admin, beside)[n % 2], code=code), range(4))
        assert sorted(answer.status_code for answer in answers) == [200, 401, 401, 401]
