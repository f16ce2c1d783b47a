// SPDX-License-Identifier: GPL-2.0-only
// A simulation that speaks ns3-gym's messages over ZeroMQ, or ns3-ai's in shared memory.
#include "arguments.h"
#ifdef SHARED_MEMORY
#include "ns3_ai_gym.pb.h"
#include "shared.h"
namespace wire = ns3_ai_gym;
#else
#include "ns3opengym.pb.h"

#include <zmq.h>
namespace wire = ns3opengym;
#endif
#include <cstdio>
#include <cstring>
#include <unistd.h>

#ifdef SHARED_MEMORY
struct Buffer
{
    uint8_t bytes[1024];
    uint32_t size;
};

struct Link
{
    explicit Link(const Arguments& arguments)
        : segment(ipc::open_only, arguments.Get("segName", "My Seg").c_str()),
          out(segment.find<Buffer>("My Cpp to Python Msg").first),
          in(segment.find<Buffer>("My Python to Cpp Msg").first),
          counters(segment.find<Counters>("My Lockable").first)
    {
    }

    std::string Exchange(const std::string& message, int claimed = -1)
    {
        Take(counters->cppFree);
        std::memcpy(out->bytes, message.data(), std::min(message.size(), sizeof out->bytes));
        out->size = claimed < 0 ? message.size() : claimed;
        Give(counters->cppFull);
        Take(counters->pythonFull);
        std::string answer(reinterpret_cast<char*>(in->bytes), in->size);
        Give(counters->pythonFree);
        return answer;
    }

    ipc::managed_shared_memory segment;
    Buffer* out;
    Buffer* in;
    Counters* counters;
};
#else
struct Link
{
    explicit Link(const Arguments& arguments)
    {
        zmq_connect(socket, ("tcp://localhost:" + arguments.Get("openGymPort", "5555")).c_str());
    }

    std::string Exchange(const std::string& message, int = -1)
    {
        zmq_send(socket, message.data(), message.size(), 0);
        zmq_msg_t answer;
        zmq_msg_init(&answer);
        zmq_msg_recv(&answer, socket, 0);
        std::string text(static_cast<char*>(zmq_msg_data(&answer)), zmq_msg_size(&answer));
        zmq_msg_close(&answer);
        return text;
    }

    void* context{zmq_ctx_new()};
    void* socket{zmq_socket(context, ZMQ_REQ)};
};
#endif

wire::SpaceDescription
Box(wire::Dtype dtype, float low, float high, int n)
{
    wire::BoxSpace box;
    box.set_low(low);
    box.set_high(high);
    box.set_dtype(dtype);
    box.add_shape(n);
    wire::SpaceDescription space;
    space.set_type(wire::Box);
    space.mutable_space()->PackFrom(box);
    return space;
}

wire::SpaceDescription
Choice(int n)
{
    wire::DiscreteSpace discrete;
    discrete.set_n(n);
    wire::SpaceDescription space;
    space.set_type(wire::Discrete);
    space.mutable_space()->PackFrom(discrete);
    return space;
}

wire::SpaceDescription
AllSpaces()
{
    wire::TupleSpace tuple;
    wire::DiscreteSpace discrete;
    discrete.set_n(7);
    auto* first = tuple.add_element();
    first->set_type(wire::Discrete);
    first->mutable_space()->PackFrom(discrete);
    *tuple.add_element() = Box(wire::INT, -5, 5, 2);
    wire::DictSpace dict;
    auto add = [&](const char* name, wire::SpaceDescription space)
    {
        space.set_name(name);
        *dict.add_element() = space;
    };
    add("uint", Box(wire::UINT, 0, 9, 2));
    add("float", Box(wire::FLOAT, -1, 1, 3));
    add("double", Box(wire::DOUBLE, -1, 1, 1));
    wire::SpaceDescription nested;
    nested.set_type(wire::Tuple);
    nested.mutable_space()->PackFrom(tuple);
    add("tuple", nested);
    wire::SpaceDescription space;
    space.set_type(wire::Dict);
    space.mutable_space()->PackFrom(dict);
    return space;
}

/// A value of AllSpaces: zeros.
wire::DataContainer
AllZeros()
{
    auto zeros = [](wire::Dtype dtype, int n, const char* name)
    {
        wire::BoxDataContainer box;
        box.set_dtype(dtype);
        box.add_shape(n);
        for (int i = 0; i < n; ++i)
        {
            switch (dtype)
            {
            case wire::INT:
                box.add_intdata(0);
                break;
            case wire::UINT:
                box.add_uintdata(0);
                break;
            case wire::FLOAT:
                box.add_floatdata(0);
                break;
            default:
                box.add_doubledata(0);
            }
        }
        wire::DataContainer data;
        data.set_type(wire::Box);
        data.set_name(name);
        data.mutable_data()->PackFrom(box);
        return data;
    };
    wire::TupleDataContainer tuple;
    auto* first = tuple.add_element();
    first->set_type(wire::Discrete);
    first->mutable_data()->PackFrom(wire::DiscreteDataContainer());
    *tuple.add_element() = zeros(wire::INT, 2, "");
    wire::DictDataContainer dict;
    *dict.add_element() = zeros(wire::UINT, 2, "uint");
    *dict.add_element() = zeros(wire::FLOAT, 3, "float");
    *dict.add_element() = zeros(wire::DOUBLE, 1, "double");
    auto* nested = dict.add_element();
    nested->set_type(wire::Tuple);
    nested->set_name("tuple");
    nested->mutable_data()->PackFrom(tuple);
    wire::DataContainer data;
    data.set_type(wire::Dict);
    data.mutable_data()->PackFrom(dict);
    return data;
}

wire::DataContainer
Floats(int n, float first, float rest)
{
    wire::BoxDataContainer box;
    box.set_dtype(wire::FLOAT);
    box.add_shape(n);
    for (int i = 0; i < n; ++i)
    {
        box.add_floatdata(i == 0 ? first : rest);
    }
    wire::DataContainer data;
    data.set_type(wire::Box);
    data.mutable_data()->PackFrom(box);
    return data;
}

int
main(int argc, char** argv)
{
    const Arguments arguments(argc, argv);
    const int seed = arguments.Number("simSeed", 0);
    const int steps = arguments.Number("steps", 10);
    const int wrongAt = arguments.Number("wrongAt", 3);
    const int floats = arguments.Number("floats", 4);
    const std::string wrong = arguments.Get("wrong", "");
    const int pieces =
        arguments.Number("pieces", 0); // unbuffered writes a step, as ns-3's log makes them
    const std::string spaces = arguments.Get("spaces", "box");
    const bool echo = spaces == "all";      // observation = the last action
    const bool choice = spaces == "choice"; // of 5, but some values lie outside
    std::fprintf(stderr, "seed %d\n", seed);
    Link link(arguments);
    wire::SimInitMsg init;
    *init.mutable_obsspace() = echo     ? AllSpaces()
                               : choice ? Choice(5)
                                        : Box(wire::FLOAT, 0, 1000, floats);
    *init.mutable_actspace() = echo ? AllSpaces() : Box(wire::FLOAT, -1, 1, 1);
#ifndef SHARED_MEMORY
    init.set_simprocessid(getpid());
#endif
    wire::SimInitAck ack;
    if (!ack.ParseFromString(link.Exchange(init.SerializeAsString())) || ack.stopsimreq())
    {
        return 3;
    }
    wire::DataContainer last;
    for (int step = 0;; ++step)
    {
        if (step == wrongAt)
        {
            std::fprintf(stderr, "about to go wrong\n");
            GoWrong(wrong);
        }
        for (int i = 0; i < pieces; ++i)
        {
            std::fputc(i % 80 == 79 ? '\n' : '.', stderr);
            usleep(500);
        }
        wire::EnvStateMsg state;
        if (choice)
        {
            wire::DiscreteDataContainer value;
            value.set_data(3 + step);
            state.mutable_obsdata()->set_type(wire::Discrete);
            state.mutable_obsdata()->mutable_data()->PackFrom(value);
        }
        else if (step == steps && arguments.Get("last", "") == "empty")
        {
            wire::BoxDataContainer box; // of a shape, but without values
            box.set_dtype(wire::FLOAT);
            box.add_shape(floats);
            state.mutable_obsdata()->set_type(wire::Box);
            state.mutable_obsdata()->mutable_data()->PackFrom(box);
        }
        else if (!echo)
        {
            *state.mutable_obsdata() =
                Floats(step == wrongAt && wrong == "shape" ? floats + 1 : floats,
                       static_cast<float>(seed % 1000),
                       static_cast<float>(step));
        }
        else
        {
            *state.mutable_obsdata() = step == 0 ? AllZeros() : last;
        }
        state.set_reward(0.5F * static_cast<float>(step));
        state.set_info("step " + std::to_string(step));
        state.set_isgameover(step == steps);
        state.set_reason(arguments.Get("end", "time") == "game" ? wire::EnvStateMsg::GameOver
                                                                : wire::EnvStateMsg::SimulationEnd);
        std::string message = state.SerializeAsString();
        if (step == wrongAt && wrong == "truncated")
        {
            message.resize(message.size() / 2);
        }
        if (step == wrongAt && wrong == "garbage")
        {
            message.assign(200, '\xff');
        }
        const int claimed = step == wrongAt && wrong == "size" ? 4000000 : -1;
        wire::EnvActMsg action;
        if (!action.ParseFromString(link.Exchange(message, claimed)))
        {
            return 4;
        }
        if (action.stopsimreq())
        {
            std::exit(0);
        }
        last = action.actdata();
    }
}
