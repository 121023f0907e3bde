#include "docker/zero.h"

#include "docker/template_run.h"

/* They are told from others by their addresses. */
const struct slice docker_zero_list = {"[] ", 2}, docker_zero_map = {"{} ", 2};

/* The fields of containers, images, networks, services and of the engine's info that may be left
 * out or null, by their Go names: lists, maps, pointers, texts and booleans. */
static const char *const zero_lists[] = {
    "Aliases",
    "Binds",
    "BlkioDeviceReadBps",
    "BlkioDeviceReadIOps",
    "BlkioDeviceWriteBps",
    "BlkioDeviceWriteIOps",
    "BlkioWeightDevice",
    "CDISpecDirs",
    "CapAdd",
    "CapDrop",
    "Cmd",
    "Configs",
    "Constraints",
    "DNS",
    "DNSNames",
    "DNSOptions",
    "DNSSearch",
    "DefaultAddressPools",
    "DeviceCgroupRules",
    "DeviceRequests",
    "Devices",
    "Dns",
    "DnsOptions",
    "DnsSearch",
    "DriverStatus",
    "Entrypoint",
    "Env",
    "ExecIDs",
    "ExtraHosts",
    "GenericResources",
    "GroupAdd",
    "Links",
    "MaskedPaths",
    "Mounts",
    "NetworkIDs",
    "OnBuild",
    "ReadonlyPaths",
    "RepoDigests",
    "RepoTags",
    "Secrets",
    "SecurityOpt",
    "SecurityOptions",
    "SecondaryIPAddresses",
    "SecondaryIPv6Addresses",
    "Shell",
    "SystemStatus",
    "Test",
    "Ulimits",
    "VirtualIPs",
    "VolumesFrom",
    "Warnings",
};
static const char *const zero_maps[] = {
    "Annotations", "DriverOpts", "ExposedPorts", "Labels",  "Networks", "Options", "PortBindings",
    "Ports",       "Runtimes",   "StorageOpt",   "Sysctls", "Tmpfs",    "Volumes",
};
static const char *const zero_pointers[] = {
    "Cluster",
    "Health",
    "Healthcheck",
    "IPAMConfig",
    "ImageManifestDescriptor",
    "Init",
    "MemorySwappiness",
    "OOMKillDisable",
    "OomKillDisable",
    "PidsLimit",
    "PreviousSpec",
    "SizeRootFs",
    "SizeRw",
    "StopTimeout",
    "UpdateStatus",
};
static const char *const zero_texts[] = {
    "BuildTime",  "ContainerIDFile", "GitCommit",      "GoVersion",  "Isolation",
    "MacAddress", "NoProxy",         "ProductLicense", "StopSignal", "Variant",
};

static const char *const zero_booleans[] = {"ArgsEscaped", "Experimental", "ForceNewCluster",
                                            "NetworkDisabled"};

static bool has_name(const char *const *list, size_t n, struct slice name) {
    for (size_t i = 0; i < n; i++)
        if (slice_is(name, list[i]))
            return true;
    return false;
}

#define IS_LISTED(list, name) has_name(list, sizeof list / sizeof *list, name)

struct slice docker_zero_of(struct slice name) {
    if (IS_LISTED(zero_lists, name))
        return docker_zero_list;
    if (IS_LISTED(zero_maps, name))
        return docker_zero_map;
    if (IS_LISTED(zero_texts, name))
        return (struct slice){"\"\"", 2};
    if (IS_LISTED(zero_booleans, name))
        return (struct slice){"false", 5};
    return IS_LISTED(zero_pointers, name) ? template_nil : template_none;
}
