// Jobs from a NATS JetStream work queue, at least once: all of the component coroexec::nats.
#pragma once

#include "coroexec/nats/connection.hpp"
#include "coroexec/nats/error.hpp"
#include "coroexec/nats/message.hpp"
#include "coroexec/nats/process.hpp"
#include "coroexec/nats/publish.hpp"
#include "coroexec/nats/source.hpp"
#include "coroexec/nats/stream.hpp"
