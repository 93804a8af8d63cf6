"""The four modalities: what is looked at (image or cloud), and whether the whole of it or a region."""

IMAGE = "image"
IMAGE_REGION = "image_region"
CLOUD = "cloud"
CLOUD_REGION = "cloud_region"

MODALITIES = (IMAGE, IMAGE_REGION, CLOUD, CLOUD_REGION)
REGION_MODALITIES = (IMAGE_REGION, CLOUD_REGION)
CLOUD_MODALITIES = (CLOUD, CLOUD_REGION)
