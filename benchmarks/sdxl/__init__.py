r"""What an update of SDXL costs: `python -m benchmarks.sdxl` on a GPU, `--tiny` to try the command anywhere.

The full-size U-Net (published configuration, random weights), latents of 1024x1024 images, bf16 with a fp32 LoRA of
rank 4, forward, backward and AdamW, for each method of `sdxl.train`, with and without gradient checkpointing, and in
P1's order of work:

    text encoders   both of SDXL's run in every update, though they are frozen and the captions do not change
    recomputed      the consistency term evaluates h(x_n, t_n) once for each of its two samples

The share of the card's matmul rate is FLOPs an update / seconds / (FLOP/s of a large bf16 GEMM in the same run). FLOPs
are those of the method, not of recomputation: one forward and one backward pass are counted by PyTorch's counter at
batch 1, and every method is charged for its rows,

    FLOPs = forward x (all rows evaluated) + backward x (rows evaluated with gradient).

The recommended recipe does more in one update of four; its times are averaged with the frequencies of its draws.
Results go to a JSON file after every cell, and the same command goes on from there.
"""
