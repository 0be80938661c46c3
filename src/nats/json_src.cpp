// Boost.JSON, compiled here once, so that the component needs Boost's headers only.
#include <boost/json/src.hpp>
