/*
 * A Vulkan layer that reports every CPU-type device with SwiftShader's ids.
 *
 * Chromium accepts an adapter for WebGPU only if it can import external images or if it is SwiftShader, which it knows
 * by vendor and device id. lavapipe is neither, yet it offers shader-f16, which SwiftShader does not. Under this layer
 * Chromium takes lavapipe. Nothing but the two ids changes, so features and limits stay lavapipe's own.
 */
#include <stddef.h>
#include <string.h>
#include <vulkan/vulkan.h>
#include <vulkan/vk_layer.h>

/* One set for all instances: this is the only layer in the chain, so the next functions are always the loader's own. */
static PFN_vkGetInstanceProcAddr next_get_proc;
static PFN_vkGetPhysicalDeviceProperties next_properties;
static PFN_vkGetPhysicalDeviceProperties2 next_properties2;

static void disguise(VkPhysicalDeviceProperties *properties) {
  if (properties->deviceType != VK_PHYSICAL_DEVICE_TYPE_CPU) return;
  properties->vendorID = 0x1AE0; /* Google */
  properties->deviceID = 0xC0DE; /* SwiftShader */
}

static VKAPI_ATTR void VKAPI_CALL get_properties(VkPhysicalDevice device, VkPhysicalDeviceProperties *out) {
  next_properties(device, out);
  disguise(out);
}

static VKAPI_ATTR void VKAPI_CALL get_properties2(VkPhysicalDevice device, VkPhysicalDeviceProperties2 *out) {
  next_properties2(device, out);
  disguise(&out->properties);
}

static VKAPI_ATTR VkResult VKAPI_CALL create_instance(const VkInstanceCreateInfo *info,
                                                      const VkAllocationCallbacks *allocator, VkInstance *instance) {
  VkLayerInstanceCreateInfo *link = (VkLayerInstanceCreateInfo *)info->pNext;
  while (link && !(link->sType == VK_STRUCTURE_TYPE_LOADER_INSTANCE_CREATE_INFO && link->function == VK_LAYER_LINK_INFO))
    link = (VkLayerInstanceCreateInfo *)link->pNext;
  if (!link) return VK_ERROR_INITIALIZATION_FAILED;

  next_get_proc = link->u.pLayerInfo->pfnNextGetInstanceProcAddr;
  link->u.pLayerInfo = link->u.pLayerInfo->pNext;
  PFN_vkCreateInstance create = (PFN_vkCreateInstance)next_get_proc(NULL, "vkCreateInstance");
  VkResult result = create(info, allocator, instance);
  if (result != VK_SUCCESS) return result;

  next_properties = (PFN_vkGetPhysicalDeviceProperties)next_get_proc(*instance, "vkGetPhysicalDeviceProperties");
  next_properties2 = (PFN_vkGetPhysicalDeviceProperties2)next_get_proc(*instance, "vkGetPhysicalDeviceProperties2");
  if (!next_properties2) /* an instance made for Vulkan 1.0 has it as an extension only */
    next_properties2 = (PFN_vkGetPhysicalDeviceProperties2)next_get_proc(*instance, "vkGetPhysicalDeviceProperties2KHR");
  return VK_SUCCESS;
}

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL get_proc(VkInstance instance, const char *name) {
  if (!strcmp(name, "vkGetInstanceProcAddr")) return (PFN_vkVoidFunction)get_proc;
  if (!strcmp(name, "vkCreateInstance")) return (PFN_vkVoidFunction)create_instance;
  if (!strcmp(name, "vkGetPhysicalDeviceProperties")) return (PFN_vkVoidFunction)get_properties;
  if (!strcmp(name, "vkGetPhysicalDeviceProperties2") || !strcmp(name, "vkGetPhysicalDeviceProperties2KHR"))
    return next_properties2 ? (PFN_vkVoidFunction)get_properties2 : NULL;
  return next_get_proc ? next_get_proc(instance, name) : NULL;
}

__attribute__((visibility("default"))) VKAPI_ATTR VkResult VKAPI_CALL
vkNegotiateLoaderLayerInterfaceVersion(VkNegotiateLayerInterface *negotiation) {
  if (negotiation->loaderLayerInterfaceVersion < 2) return VK_ERROR_INITIALIZATION_FAILED;
  negotiation->loaderLayerInterfaceVersion = 2;
  negotiation->pfnGetInstanceProcAddr = get_proc;
  negotiation->pfnGetDeviceProcAddr = NULL; /* device functions are left alone */
  negotiation->pfnGetPhysicalDeviceProcAddr = NULL;
  return VK_SUCCESS;
}
