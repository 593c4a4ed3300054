# docker build -t metaclr . && docker run --rm --gpus all -v "$PWD:/work" metaclr compare
# Without a GPU leave --gpus out. Results, and decoded images in .cache, are written to the mounted folder.
FROM python:3.13-slim

WORKDIR /opt/metaclr
COPY pyproject.toml README.md LICENSE ./
COPY episodes episodes
COPY metaclr metaclr
# hadolint ignore=DL3013
RUN pip install --no-cache-dir '.[timm,onnx,parquet]'

ENV METACLR_CACHE=/work/.cache/metaclr
WORKDIR /work
ENTRYPOINT ["metaclr"]
CMD ["--help"]
