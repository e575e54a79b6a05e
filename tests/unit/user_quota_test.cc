#include "queue/user_quota.h"

#include "catch.h"

using namespace filed;

TEST_CASE("a user's bytes are bounded by the limit, each user's for themselves") {
  UserQuota quota;
  CHECK(quota.charge(1, 600, 0, 1000) == 0);
  CHECK(quota.charge(1, 500, 0, 1000) == EDQUOT);
  CHECK(quota.charge(2, 1000, 0, 1000) == 0);
  CHECK(quota.charge(1, 400, 0, 1000) == 0);
  quota.refund(1, 400, 0);
  CHECK(quota.charge(1, 401, 0, 1000) == EDQUOT);
  CHECK(quota.charge(1, 400, 0, 1000) == 0);
}

TEST_CASE("files are bounded too, by at least 256") {
  UserQuota quota;
  for (int i = 0; i < UserQuota::kMinFiles; ++i) REQUIRE(quota.charge(1, 0, 1, 10) == 0);
  CHECK(quota.charge(1, 0, 1, 10) == EDQUOT);
  CHECK(quota.charge(1, 0, 1, (UserQuota::kMinFiles + 1) * UserQuota::kBytesPerFile) == 0);
}

TEST_CASE("giving back is never refused, and a user who holds nothing is forgotten") {
  UserQuota quota;
  REQUIRE(quota.charge(1, 100, 1, 1000) == 0);
  CHECK(quota.charge(1, -50, 0, 10) == 0);  // the limit was lowered meanwhile
  quota.refund(1, 50, 1);
  CHECK(quota.users() == 0);
  quota.refund(1, 50, 1);
  CHECK(quota.users() == 0);
}
