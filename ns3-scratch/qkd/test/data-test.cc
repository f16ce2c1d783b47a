// SPDX-License-Identifier: GPL-2.0-only
#include "orbit/nearest-name.h"
#include "qkd/cost-set.h"
#include "qkd/topology.h"

#include <cstdio>
#include <doctest/doctest.h>
#include <fstream>
#include <stdexcept>

using namespace qntn;

namespace
{

const std::string NETWORKS = std::string(QNTN_DATA_DIR) + "/qkd/networks.json";
const std::string COST_SETS = std::string(QNTN_DATA_DIR) + "/qkd/cost-sets.json";

/// A file that is there as long as the object.
class TemporaryFile
{
  public:
    explicit TemporaryFile(const std::string& text)
    {
        std::ofstream(m_path) << text;
    }

    ~TemporaryFile()
    {
        std::remove(m_path.c_str());
    }

    const std::string& GetPath() const
    {
        return m_path;
    }

  private:
    std::string m_path{"qkd-data-test.json"};
};

} // namespace

TEST_CASE("topology: MadQCI's nine links with their measured losses")
{
    const QkdTopology madqci = ReadQkdTopology(NETWORKS, "madqci_2024");
    CHECK(madqci.sites.size() == 9);
    REQUIRE(madqci.links.size() == 9);
    CHECK(madqci.links[0].siteA == "QUIRON");
    CHECK(madqci.links[0].lengthKm == 24.5);
    CHECK(madqci.links[0].lossDb == 8.72);
    CHECK_FALSE(madqci.links[0].measuredRateBps);
    CHECK(madqci.sites[madqci.GetSite("CONCEPCION")] == "CONCEPCION");
    CHECK(madqci.source.find("npj Quantum Inf. 10, 80") != std::string::npos);
    CHECK_THROWS_WITH_AS(madqci.GetSite("QUIRO"),
                         "network madqci_2024: no site 'QUIRO'; did you mean 'QUIRON'?",
                         std::invalid_argument);
}

TEST_CASE("topology: every network of the file can be read")
{
    for (const char* name : {"cambridge_2019",
                             "secoqc_2008",
                             "tokyo_2010",
                             "madqci_2024",
                             "thuringia_2026",
                             "czqci",
                             "nsfnet_fusion",
                             "usnet_fusion"})
    {
        CAPTURE(name);
        CHECK_FALSE(ReadQkdTopology(NETWORKS, name).links.empty());
    }
    CHECK(ReadQkdTopology(NETWORKS, "nsfnet_fusion").links.size() == 22);
    CHECK(ReadQkdTopology(NETWORKS, "tokyo_2010").links[0].measuredQber == 0.027);
}

TEST_CASE("data: what does not exist is named, with the nearest that does")
{
    CHECK_THROWS_WITH_AS(ReadQkdTopology(NETWORKS, "madqci"),
                         (NETWORKS + ": no network 'madqci'; did you mean 'madqci_2024'?").c_str(),
                         std::invalid_argument);
    CHECK_THROWS_AS(ReadQkdTopology("no-such.json", "x"), std::invalid_argument);
    CHECK_THROWS_WITH_AS(ReadCostSet(COST_SETS, "D"),
                         (COST_SETS + ": no cost set 'D'; did you mean 'A'?").c_str(),
                         std::invalid_argument);
}

TEST_CASE("data: bad fields are named with file and link")
{
    const auto reject = [](const std::string& link, const std::string& message)
    {
        const TemporaryFile file(R"({"n": {"source": "s", "links": [)" + link + "]}}");
        CHECK_THROWS_WITH_AS(ReadQkdTopology(file.GetPath(), "n"),
                             (file.GetPath() + ": network n, link 0" + message).c_str(),
                             std::invalid_argument);
    };
    reject(R"({"a": "X", "b": "Y", "length_km": -3})",
           ": length_km is -3, expected 0 to 1.79769e+308");
    reject(R"({"a": "X", "length_km": 3})", ": expected a text 'b'");
    reject(R"({"a": "X", "b": "Y", "length_km": 1, "measured_qber": 2})",
           ": measured_qber is 2, expected 0 to 1");
    reject(R"({"a": "X", "b": "Y", "length_km": 1, "los_db": 2})",
           ": unknown field 'los_db'; did you mean 'loss_db'?");
}

TEST_CASE("cost sets: set A is shown as unverified")
{
    const CostSet a = ReadCostSet(COST_SETS, "A");
    CHECK(a.GetLabel() == "A (unverified)");
    CHECK(a.reserved.transmitter == 1500);
    CHECK(a.reserved.receiver == 2250);
    CHECK(a.reserved.keyManager == 1200);
    CHECK(a.reserved.security == 150);
    CHECK(a.reserved.multiplexer == 300);
    CHECK(a.reserved.fibrePerKm == 1);
    CHECK(a.onDemand.receiver == 9000);
    CHECK(ReadCostSet(COST_SETS, "B").onDemand.receiver == 220000);
    CHECK(ReadCostSet(COST_SETS, "C").GetLabel() == "C");
}

TEST_CASE("nearest name")
{
    CHECK(NearestName("quinto", {"QUINTIN", "QUINTO", "NORTE"}) == "QUINTO");
    CHECK(NearestName("", {}) == "");
}
